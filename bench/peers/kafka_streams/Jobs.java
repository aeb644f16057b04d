import com.fasterxml.jackson.annotation.JsonInclude;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The jobs with state, as functions of a purchase and the state's bytes. The same contract as `jobs.py`. */
final class Jobs {
    static final long HOUR_MS = 3_600_000;
    static final long WINDOW_MS = HOUR_MS;
    static final long SMALL_MINOR_MAX = 200;
    static final long LARGE_MINOR_MIN = 50_000;
    static final int REMEMBERED_MAX = 16;

    private Jobs() {}

    public record Purchase(
            String transaction_id, String customer_id, String card_id, long amount_minor, String currency,
            String merchant_id, String mcc, String channel, String country, long occurred_at) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Alert(
            String alert_id, String customer_id, String card_id, String transaction_id, long occurred_at,
            int n_small, long first_small_at, Integer seen) {}

    public record Hour(String customer_id, long hour, long count, long sum_minor) {}

    /** What became of a purchase; a null state is one that didn't change, a null output is none. */
    record Outcome(byte[] state, Object output) {}

    /** A job of this kind. */
    interface Job {
        boolean skips(Purchase purchase);

        String stateKey(Purchase purchase);

        Outcome decide(Purchase purchase, byte[] state);
    }

    static Job named(String name) {
        return switch (name) {
            case "j1", "j1p" -> new SmallThenLarge(true);
            case "j1h" -> new SmallThenLarge(false);
            case "j2" -> new Hourly();
            default -> throw new IllegalArgumentException(name);
        };
    }

    /** J2: count and sum of a customer's hour, at each update. */
    static final class Hourly implements Job {
        @Override
        public boolean skips(Purchase purchase) {
            return false;
        }

        @Override
        public String stateKey(Purchase purchase) {
            return purchase.customer_id() + "@" + purchase.occurred_at() / HOUR_MS;
        }

        @Override
        public Outcome decide(Purchase purchase, byte[] bytes) {
            ByteBuffer old = bytes == null ? null : ByteBuffer.wrap(bytes);
            long count = old == null ? 1 : old.getLong() + 1;
            long sum = (old == null ? 0 : old.getLong()) + purchase.amount_minor();
            byte[] state = ByteBuffer.allocate(16).putLong(count).putLong(sum).array();
            return new Outcome(state, new Hour(purchase.customer_id(), purchase.occurred_at() / HOUR_MS, count, sum));
        }
    }

    /** J1: a large purchase within the hour after small ones on the same card; J1h when not all are counted. */
    static final class SmallThenLarge implements Job {
        private final boolean counted;

        SmallThenLarge(boolean counted) {
            this.counted = counted;
        }

        @Override
        public boolean skips(Purchase purchase) {
            long amount = purchase.amount_minor();
            return !counted && amount > SMALL_MINOR_MAX && amount < LARGE_MINOR_MIN;
        }

        @Override
        public String stateKey(Purchase purchase) {
            return purchase.customer_id();
        }

        @Override
        public Outcome decide(Purchase purchase, byte[] bytes) {
            Customer customer = Customer.read(bytes);
            boolean small = purchase.amount_minor() <= SMALL_MINOR_MAX;
            Alert alert = null;
            if (counted) customer.seen++;
            if (small) customer.remember(purchase.occurred_at(), cardOf(purchase));
            if (purchase.amount_minor() >= LARGE_MINOR_MIN) alert = customer.alert(purchase, counted);
            return new Outcome(counted || small || alert != null ? customer.write() : null, alert);
        }
    }

    private static byte[] cardOf(Purchase purchase) {
        return purchase.card_id().getBytes(StandardCharsets.UTF_8);
    }

    /** State of a customer; as bytes: seen, number of small purchases, then time, length and card of each. */
    private static final class Customer {
        int seen;
        private int size;
        private final long[] times = new long[REMEMBERED_MAX + 1];
        private final byte[][] cards = new byte[REMEMBERED_MAX + 1][];

        static Customer read(byte[] bytes) {
            Customer customer = new Customer();
            if (bytes == null) return customer;
            ByteBuffer in = ByteBuffer.wrap(bytes);
            customer.seen = in.getInt();
            customer.size = in.get();
            for (int i = 0; i < customer.size; i++) {
                customer.times[i] = in.getLong();
                customer.cards[i] = new byte[in.get()];
                in.get(customer.cards[i]);
            }
            return customer;
        }

        byte[] write() {
            int length = 5;
            for (int i = 0; i < size; i++) length += 9 + cards[i].length;
            ByteBuffer out = ByteBuffer.allocate(length).putInt(seen).put((byte) size);
            for (int i = 0; i < size; i++) out.putLong(times[i]).put((byte) cards[i].length).put(cards[i]);
            return out.array();
        }

        void remember(long at, byte[] card) {
            times[size] = at;
            cards[size++] = card;
            if (size > REMEMBERED_MAX) {
                System.arraycopy(times, 1, times, 0, --size);
                System.arraycopy(cards, 1, cards, 0, size);
            }
        }

        Alert alert(Purchase purchase, boolean counted) {
            byte[] card = cardOf(purchase);
            long at = purchase.occurred_at();
            int found = 0;
            long first = Long.MAX_VALUE;
            for (int i = 0; i < size; i++) {
                if (times[i] >= at - WINDOW_MS && times[i] < at && Arrays.equals(cards[i], card)) {
                    found++;
                    first = Math.min(first, times[i]);
                }
            }
            if (found == 0) return null;
            forget(card);
            return new Alert("J1-" + purchase.transaction_id(), purchase.customer_id(), purchase.card_id(),
                    purchase.transaction_id(), at, found, first, counted ? seen : null);
        }

        private void forget(byte[] card) {
            int kept = 0;
            for (int i = 0; i < size; i++) {
                if (Arrays.equals(cards[i], card)) continue;
                times[kept] = times[i];
                cards[kept++] = cards[i];
            }
            size = kept;
        }
    }
}
