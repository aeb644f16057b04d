"""One Python thread over a file, without Kafka: how many cores does a system need to beat it?

`--topic` is a file with a record a line, `--out` is where the output goes, a record a line.
"""

from pathlib import Path

from bench.peers import bare
from bench.peers.meter import Meter, parser

PROGRAM = "one-thread"
MEASURED = 1000  # lines between two looks at the meter


def main() -> None:
    """Read the file to its end."""
    options = parser(PROGRAM, ("none",), bare.NAMES).parse_args()
    meter = Meter(PROGRAM, options)
    apply = bare.applied(options.job)
    waiting = 0
    with Path(options.topic).open("rb") as source, Path(options.out).open("wb") as sink:
        for line in source:
            output = apply(line)
            if output is not None:
                meter.outputs += 1
                sink.write(output.rstrip(b"\n") + b"\n")
            waiting += 1
            if waiting == MEASURED:
                meter.tick(waiting)
                waiting = 0
        sink.flush()
        meter.tick(waiting)
    meter.finish()


if __name__ == "__main__":
    main()
