"""What is compared in one go: which program against ours, on how many events, how often."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from bench.contestants import ALL, OURS
from bench.purchases import Settings, Skew

SIDE_ROUND = 2  # of each SIDE_EVERY rounds, so that the main comparisons have some pairs before the others begin
SIDE_EVERY = 5
SHARES = {"plain Faust": 0.02, "Quix": 0.25, "Bytewax": 0.25}  # of the events, for programs that take long
J2_SHARE = 0.5
WARMUP_SHARE = 0.25

QUICK_MINUTES = 6.0
QUICK_PAIRS = 2
QUICK_EVENTS = 800_000
FULL_MINUTES = 120.0
FULL_PAIRS = 10
FULL_EVENTS = 2_000_000
QUICK = ("plain Faust", "Quix, 100 ms", "Kafka Streams, RocksDB, 100 ms")
MAIN = (*QUICK, "Bytewax, recovery", "Kafka Streams, memory, 100 ms")
OTHERS = ("j0", "j1h", "j1p", "j2")


class Contest(Struct, frozen=True):
    """One program, and ours beside it where ours does the job.

    Attributes:
        main: in every round; else now and then.
        warmup: events thrown away, of both; for the sake of a just-in-time compiler.
    """

    contestant: str
    job: str
    settings: Settings
    warmup: int = 0
    main: bool = True

    def due(self, turn: int) -> bool:
        """Whether it is run in this round, counted from 0."""
        return self.main or turn % SIDE_EVERY == SIDE_ROUND % SIDE_EVERY

    def reference(self, name: str) -> str | None:
        """Who runs beside it."""
        return name if self.job in ALL[name].jobs else None


def quick(events: int = QUICK_EVENTS) -> list[Contest]:
    """J1 against one of each class."""
    return [_contest(name, "j1", events, "uniform", main=True) for name in (OURS.name, *QUICK)]


def full(events: int = FULL_EVENTS) -> list[Contest]:
    """Everything: the targets' comparisons in each round; other jobs, skew, settings now and then, in this order."""
    sides = [name for name in ALL if name not in (OURS.name, *MAIN)]
    return [
        *(_contest(name, "j1", events, "uniform", main=True) for name in (OURS.name, *MAIN)),
        *(_contest(name, job, events, "uniform", main=False) for job in OTHERS for name in MAIN),
        *(_contest(name, "j1", events, "zipf", main=False) for name in MAIN),
        *(_contest(name, "j1", events, "uniform", main=False) for name in sides),
        _contest("bare aiokafka", "decode", events, "uniform", main=False),
        _contest("bare confluent-kafka", "decode", events, "uniform", main=False),
    ]


def chosen(contests: Iterable[Contest], jobs: Sequence[str], names: Sequence[str]) -> list[Contest]:
    """Those of these jobs whose program's name begins like one of these; empty: all."""
    return [
        one
        for one in contests
        if (not jobs or one.job in jobs) and (not names or one.contestant.startswith(tuple(names)))
    ]


def inputs(contests: Iterable[Contest]) -> Iterator[tuple[Settings, list[str]]]:
    """Each source that is needed, with the jobs that run on it."""
    found: dict[Settings, dict[str, None]] = {}
    for contest in contests:
        jobs = found.setdefault(contest.settings, {})
        if contest.job != "decode":
            jobs[contest.job] = None
    yield from ((settings, list(jobs)) for settings, jobs in found.items())


def _contest(name: str, job: str, events: int, skew: Skew, *, main: bool) -> Contest:
    share = next((share for begin, share in SHARES.items() if name.startswith(begin)), 1.0)
    if job == "j2":  # each event is an output
        share *= J2_SHARE
    cards = 1 if job == "j1p" else 2
    count = int(events * share)
    compiled = name.startswith("Kafka Streams") or name == OURS.name
    return Contest(name, job, Settings(count, skew=skew, cards=cards), int(count * WARMUP_SHARE) * compiled, main)
