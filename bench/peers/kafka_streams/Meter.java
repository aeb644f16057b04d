import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Counts events; measured is from the end of the warm-up to the last event. Says so as `bench/peers/meter.py` does. */
final class Meter {
    final AtomicInteger outputs = new AtomicInteger();
    final CountDownLatch done = new CountDownLatch(1);
    private final AtomicLong count = new AtomicLong();
    private final long begin;
    private final long events;
    private final boolean marks;
    private volatile long beginWall, beginCpu, endWall, endCpu;

    Meter(Options options) {
        this.begin = Math.max(1, options.number("warmup", 0));
        this.events = options.number("events", 2_000_000);
        this.marks = options.number("marks", 0) == 1;
    }

    void tick() {
        long n = count.incrementAndGet();
        if (n == begin) {
            mark("begin", n);
            beginWall = System.nanoTime();
            beginCpu = cpu();
        }
        if (n == events) {
            endWall = System.nanoTime();
            endCpu = cpu();
            mark("end", n);
            done.countDown();
        }
    }

    /** Tell the harness, and wait for its answer. */
    private void mark(String name, long n) {
        if (!marks) return;
        System.out.printf("{\"mark\": \"%s\", \"events\": %d}%n", name, n);
        System.out.flush();
        try {
            int read = System.in.read();
            while (read != '\n' && read >= 0) read = System.in.read();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long cpu() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    /** Print one line; true when the run came to its end. */
    boolean finish(String job, String guarantee) {
        if (count.get() < events || events <= begin) {
            System.out.printf("{\"program\": \"kafka-streams\", \"error\": \"stopped early\", \"events\": %d}%n", count.get());
            return false;
        }
        long measured = events - begin;
        double wall = (endWall - beginWall) / 1e9;
        double used = (endCpu - beginCpu) / 1e9;
        System.out.printf(Locale.ROOT,
                "{\"program\": \"kafka-streams\", \"job\": \"%s\", \"guarantee\": \"%s\", \"events\": %d, \"outputs\": %d, "
                        + "\"wall_s\": %.3f, \"cpu_s\": %.3f, \"events_per_s\": %d, \"cpu_us_per_event\": %.2f, "
                        + "\"stop_wall_s\": %.3f, \"stop_cpu_s\": %.3f}%n",
                job, guarantee, measured, outputs.get(), wall, used, Math.round(measured / wall), used / measured * 1e6,
                (System.nanoTime() - endWall) / 1e9, (cpu() - endCpu) / 1e9);
        return true;
    }
}
