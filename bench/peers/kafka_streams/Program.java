import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: the Processor API over a key-value store with a changelog, Jackson for JSON. */
public final class Program {
    private static final String STORE = "states";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectReader PURCHASES = JSON.readerFor(Jobs.Purchase.class);

    private Program() {}

    private static Jobs.Purchase purchase(byte[] value) {
        try {
            return PURCHASES.readValue(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** J0: pass large purchases on as they are. */
    private static final class PassOn implements Processor<String, byte[], String, byte[]> {
        private final Meter meter;
        private ProcessorContext<String, byte[]> context;

        PassOn(Meter meter) {
            this.meter = meter;
        }

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(Record<String, byte[]> record) {
            if (purchase(record.value()).amount_minor() >= Jobs.LARGE_MINOR_MIN) {
                meter.outputs.incrementAndGet();
                context.forward(record);
            }
            meter.tick();
        }
    }

    /** The jobs with state. */
    private static final class Decide implements Processor<String, byte[], String, byte[]> {
        private final Jobs.Job job;
        private final Meter meter;
        private final ObjectWriter outputs;
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> states;

        Decide(String name, Meter meter) {
            this.job = Jobs.named(name);
            this.meter = meter;
            this.outputs = JSON.writerFor(name.equals("j2") ? Jobs.Hour.class : Jobs.Alert.class);
        }

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            this.states = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            Jobs.Purchase purchase = purchase(record.value());
            if (!job.skips(purchase)) {
                String key = job.stateKey(purchase);
                Jobs.Outcome outcome = job.decide(purchase, states.get(key));
                if (outcome.state() != null) states.put(key, outcome.state());
                if (outcome.output() != null) forward(record.withKey(purchase.customer_id()), outcome.output());
            }
            meter.tick();
        }

        private void forward(Record<String, byte[]> record, Object output) {
            try {
                meter.outputs.incrementAndGet();
                context.forward(record.withValue(outputs.writeValueAsBytes(output)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static StreamsBuilder topology(Options options, String job, Meter meter) {
        Serde<String> text = Serdes.String();
        Serde<byte[]> bytes = Serdes.ByteArray();
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, byte[]> source = builder.stream(options.text("topic", "purchases"), Consumed.with(text, bytes));
        if (job.equals("j1p")) {
            source = source.selectKey((key, value) -> purchase(value).customer_id())
                    .repartition(Repartitioned.with(text, bytes).withName("by-customer"));
        }
        KStream<String, byte[]> outputs;
        if (job.equals("j0")) {
            outputs = source.process(() -> new PassOn(meter));
        } else {
            String store = options.oneOf("store", "rocksdb", "memory");
            StoreBuilder<KeyValueStore<String, byte[]>> states = Stores.keyValueStoreBuilder(
                    store.equals("rocksdb") ? Stores.persistentKeyValueStore(STORE) : Stores.inMemoryKeyValueStore(STORE),
                    text, bytes);
            builder.addStateStore(options.number("cache-mb", 10) > 0 ? states.withCachingEnabled() : states);
            outputs = source.process(() -> new Decide(job, meter), STORE);
        }
        outputs.to(options.text("out", "alerts"), Produced.with(text, bytes));
        return builder;
    }

    private static Properties settings(Options options, String guarantee) throws IOException {
        String folder = options.text("state-dir", "");
        Properties settings = new Properties();
        settings.put("application.id", options.text("group", "kafka-streams"));
        settings.put("bootstrap.servers", options.text("broker", "127.0.0.1:9092"));
        settings.put("processing.guarantee", guarantee.equals("exactly-once") ? "exactly_once_v2" : "at_least_once");
        settings.put("commit.interval.ms", options.text("commit-ms", "1000"));
        settings.put("num.stream.threads", options.text("threads", "1"));
        settings.put("statestore.cache.max.bytes", String.valueOf(options.number("cache-mb", 10) << 20));
        settings.put("state.dir", folder.isEmpty() ? Files.createTempDirectory("bench-").toString() : folder);
        settings.put("replication.factor", "1");
        settings.put("auto.offset.reset", "earliest");
        settings.put("max.poll.records", "2000");
        settings.put("producer.acks", "all");
        return settings;
    }

    public static void main(String[] arguments) throws Exception {
        Options options = new Options(arguments);
        String job = options.oneOf("job", "j1", "j0", "j1h", "j1p", "j2");
        String guarantee = options.oneOf("guarantee", "at-least-once", "exactly-once");
        Meter meter = new Meter(options);
        KafkaStreams streams = new KafkaStreams(topology(options, job, meter).build(), settings(options, guarantee));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            meter.done.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        meter.done.await();
        streams.close(Duration.ofSeconds(60)); // commits what is left
        System.exit(meter.finish(job, guarantee) ? 0 : 1);
    }
}
