"""The programs that are compared: how each is started, in which class, and with which settings."""

from pathlib import Path

from msgspec import Struct

from bench import environments

EXACTLY_ONCE = "exactly-once"
AT_LEAST_ONCE = "at-least-once"
NO_GUARANTEE = "none"
STATEFUL = ("j1", "j1h", "j1p", "j2")
BARE = ("j0", "j1", "j1h", "j2")


class Contestant(Struct, frozen=True):
    """One row of a table.

    Attributes:
        name: what the row is called.
        environment: where it runs.
        words: what starts it there; a module, a class.
        guarantee: its class, as it is run here.
        options: its own, beside those that all programs share.
        jobs: those that it can do.
        by_kafka: false for the program over a file.
        keeps_offsets: false where Kafka doesn't know how far it came.
    """

    name: str
    environment: str
    words: tuple[str, ...]
    guarantee: str = NO_GUARANTEE
    options: dict[str, str] = {}
    jobs: tuple[str, ...] = ("j0", *STATEFUL)
    by_kafka: bool = True
    keeps_offsets: bool = True


class Order(Struct, frozen=True):
    """What a program is to do: the options that all programs share. `marks`: 1 if it says where measuring begins."""

    job: str
    broker: str
    topic: str
    out: str
    events: int
    warmup: int
    group: str
    partitions: int
    folder: Path
    marks: int = 1


def _peer(name: str, environment: str, module: str, guarantee: str, **options: str) -> Contestant:
    words = ("-m", f"bench.peers.{module}")
    return Contestant(name, environment, words, guarantee, options)


def _bare(name: str, module: str, **options: str) -> Contestant:
    return Contestant(
        name,
        "clients",
        ("-m", f"bench.peers.{module}"),
        options=options,
        jobs=BARE,
        by_kafka=module != "one_thread",
        keeps_offsets=module != "one_thread",
    )


def _streams(name: str, guarantee: str, commit_ms: str, store: str, **options: str) -> Contestant:
    own = {"commit_ms": commit_ms, "store": store, **options}
    return Contestant(name, environments.KAFKA_STREAMS, ("Program",), guarantee, own)


def _bytewax(name: str, guarantee: str) -> Contestant:
    words = ("-m", "bytewax.run", "bench.peers.bytewax_flow:flow", "-w", "1")
    return Contestant(name, "bytewax", words, guarantee, keeps_offsets=False)


OURS = Contestant("ours", environments.OURS, ("-m", "bench.ours"), EXACTLY_ONCE)
ALL = {
    one.name: one
    for one in (
        OURS,
        _peer("plain Faust", "faust", "plain_faust", AT_LEAST_ONCE, commit_ms="1000"),
        _peer("plain Faust, buffer 131,072", "faust", "plain_faust", AT_LEAST_ONCE, commit_ms="1000", buffer="131072"),
        _peer("plain Faust, RocksDB", "faust", "plain_faust", AT_LEAST_ONCE, commit_ms="1000", store="rocksdb"),
        _peer("Quix, 100 ms", "quix", "quix", EXACTLY_ONCE, commit_ms="100"),
        _peer("Quix, 1 s", "quix", "quix", EXACTLY_ONCE, commit_ms="1000"),
        _peer("Quix at least once, 1 s", "quix", "quix", AT_LEAST_ONCE, commit_ms="1000"),
        _peer("Quix at least once, 5 s", "quix", "quix", AT_LEAST_ONCE, commit_ms="5000"),
        _bytewax("Bytewax, recovery", AT_LEAST_ONCE),
        _bytewax("Bytewax", NO_GUARANTEE),
        _streams("Kafka Streams, RocksDB, 100 ms", EXACTLY_ONCE, "100", "rocksdb"),
        _streams("Kafka Streams, RocksDB, 10 ms", EXACTLY_ONCE, "10", "rocksdb"),
        _streams("Kafka Streams, memory, 100 ms", EXACTLY_ONCE, "100", "memory"),
        _streams("Kafka Streams, RocksDB, 1 s", EXACTLY_ONCE, "1000", "rocksdb"),
        _streams("Kafka Streams, RocksDB, 100 ms, no cache", EXACTLY_ONCE, "100", "rocksdb", cache_mb="0"),
        _streams("Kafka Streams, RocksDB, 100 ms, 2 threads", EXACTLY_ONCE, "100", "rocksdb", threads="2"),
        _streams("Kafka Streams at least once, RocksDB, 1 s", AT_LEAST_ONCE, "1000", "rocksdb"),
        _bare("bare aiokafka", "bare_aiokafka"),
        _bare("bare aiokafka, no uvloop", "bare_aiokafka", loop="asyncio"),
        _bare("bare confluent-kafka", "bare_confluent"),
        _bare("one thread over a file", "one_thread"),
    )
}
"""By name."""


def command(contestant: Contestant, order: Order) -> tuple[list[str], dict[str, str]]:
    """Its words and what its environment adds; installed on the way, if need be."""
    options = {name: str(value) for name, value in _shared(contestant, order).items()}
    start = [*environments.command(contestant.environment), *contestant.words]
    if contestant.environment == "bytewax":  # its launcher has the command line for itself
        recovery = ["-r", str(order.folder), "-s", "1", "-b", "0"] if contestant.guarantee == AT_LEAST_ONCE else []
        return [*start, *recovery], {f"BENCH_{name.upper()}": value for name, value in options.items()}
    return [*start, *(word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value))], {}


def prepared_by(contestant: Contestant, order: Order) -> list[str] | None:
    """What has to run first."""
    if contestant.environment == "bytewax" and contestant.guarantee == AT_LEAST_ONCE:
        return [*environments.command("bytewax"), "-m", "bytewax.recovery", str(order.folder), str(order.partitions)]
    return None


def _shared(contestant: Contestant, order: Order) -> dict[str, object]:
    options: dict[str, object] = {
        "job": order.job,
        "broker": order.broker,
        "topic": order.topic,
        "out": order.out,
        "events": order.events,
        "warmup": order.warmup,
        "group": order.group,
        "partitions": order.partitions,
        "marks": order.marks,
    }
    if contestant.environment != environments.OURS:
        options |= {"guarantee": contestant.guarantee, "state_dir": order.folder / "state"}
    return options | contestant.options
