import java.util.List;
import java.util.Locale;

/** The options that all programs share: `--name value`, or BENCH_NAME in the environment. */
final class Options {
    private final String[] arguments;

    Options(String[] arguments) {
        this.arguments = arguments;
    }

    String text(String name, String fallback) {
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            if (arguments[i].equals("--" + name)) return arguments[i + 1];
        }
        String value = System.getenv("BENCH_" + name.toUpperCase(Locale.ROOT).replace('-', '_'));
        return value == null ? fallback : value;
    }

    long number(String name, long fallback) {
        return Long.parseLong(text(name, Long.toString(fallback)));
    }

    /** The first choice is the default. */
    String oneOf(String name, String... choices) {
        String value = text(name, choices[0]);
        if (List.of(choices).contains(value)) return value;
        throw new IllegalArgumentException("--" + name + " " + value + ": choose from " + String.join(", ", choices));
    }
}
