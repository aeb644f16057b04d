"""What is done when: rounds of faults, drawn from a seed. The faults of a round overlap; the next round waits for all.

A step names its row of the fault matrix, the fault, and its numbers; `faults.inject` knows how.
"""

from collections.abc import Collection, Iterator
from random import Random
from typing import Any, Literal

from msgspec import Struct, field

from streams import topics

Length = Literal["short", "long"]
IN_EACH_TRANSACTION = ("P1", "P2", "P3", "P4", "P5")
CRASH_POINTS = (*IN_EACH_TRANSACTION, *IN_EACH_TRANSACTION, "P6", "P7", "P10", "P12")
DAMAGES = ("lost customers", "damaged customer", "older position", "cut at the front", "emptied")
SKEWS = ((60, False), (-60, False), (-10, True))  # minutes, and whether it jumps there under load
SWALLOWED = ("EndTxn", "TxnOffsetCommit", "InitProducerId")
REFUSED = (topics.JOURNAL.name, topics.CHANGELOG.name, topics.DECISIONS.name)
FULL = ("broker disk full", "Redis disk full", "log disk full", "state disk full")
STARVED = {"files": (8, 16), "memory": (60_000_000, 80_000_000)}  # a worker needs more to start
GROWS = "account-movements"  # from fewer partitions than the journal has to more
NETWORK = ("cut 1 s", "cut 10 s", "reset", "half-open", "slow", "slices")


class Step(Struct, frozen=True):
    """One fault. `after_seconds`: since the round's begin; `slot`: which worker, where it is about one."""

    row: str
    fault: str
    after_seconds: float = 0.0
    slot: int = 0
    numbers: dict[str, Any] = field(default_factory=dict)


Round = list[Step]


class Group(Struct, frozen=True):
    """Faults that share a stack and a load. `events`: least number of records sent."""

    name: str
    rounds: list[Round]
    events: int
    slice_records: int
    pause_seconds: float
    proxied: bool = False
    one_customer: bool = False
    bug: int | None = None


def least(length: Length) -> dict[str, int]:
    """How many faults of each row must hit while records are in flight, or the run shows nothing (I0)."""
    short = {"F-01": 20, "F-02": 14, "F-03": 1, "F-04": 3, "F-05": 3, "F-08": 3, "F-09": 3, "F-10": 6, "F-11": 3}
    short |= {"F-14": 3, "F-15": 2, "F-18": 3, "F-19": 5, "F-20": 1, "F-21": 3, "F-25": 1, "F-28": 2, "F-32": 2}
    long = {"F-01": 300, "F-02": 250, "F-03": 3, "F-04": 15, "F-05": 30, "F-08": 50, "F-09": 50, "F-10": 45, "F-11": 15}
    long |= {"F-14": 30, "F-15": 10, "F-18": 12, "F-19": 15, "F-20": 3, "F-21": 9, "F-25": 3, "F-28": 10, "F-32": 10}
    both = {"F-12": 1, "F-13": 3} if length == "short" else {"F-06": 1, "F-12": 3, "F-13": 15}
    return (short if length == "short" else long) | both


def groups(length: Length, seed: int, rows: Collection[str] = ()) -> list[Group]:
    """All groups of a run of this length, with the steps of the chosen rows only (none chosen: all)."""
    sizes = {"short": (80_000, 1_000, 4.0), "long": (700_000, 1_000, 3.0)}
    events, slice_records, pause_seconds = sizes[length]
    found = []
    makers = {"workers": _workers, "crashes": _crashes, "servers": _servers, "limits": _limits, "data": _data}
    for name, make in makers.items():
        drawn = [[step for step in one if not rows or step.row in rows] for one in make(length, _random(seed, name))]
        rounds = [one for one in drawn if one]
        if rounds:
            group = Group(
                name=name,
                rounds=rounds,
                events=events // 2 if name in ("limits", "data") else events,  # a backlog takes its time by itself
                slice_records=slice_records,
                pause_seconds=pause_seconds,
                proxied=name == "servers",
                one_customer=name == "crashes",
            )
            found.append(group)
    return found


def _random(seed: int, name: str) -> Random:
    return Random(f"{seed}/{name}")


def _workers(length: Length, random: Random) -> list[Round]:
    """Kills, freezes, stops, bursts and storms, with Redis failing and a source growing meanwhile."""
    short = length == "short"
    rounds = [_kills(random) for _ in range(10 if short else 150)]
    for one in rounds[: 2 if short else 10]:
        grown = {"topic": GROWS, "more": random.randint(1, 3)}
        one.append(Step("F-32", "source grows", random.random(), 0, grown))
    rounds += [[Step("F-04", "freeze", 0.0, random.randrange(2), {"seconds": 9})] for _ in range(3 if short else 15)]
    rounds += [[Step("F-13", "stop", random.random(), slot) for slot in range(2)] for _ in range(2 if short else 10)]
    if not short:  # longer than a transaction may last
        rounds.append([Step("F-04", "freeze", 0.0, 0, {"seconds": 75})])
    random.shuffle(rounds)
    redis = [
        *("kill", "restart empty", "flush", "freeze", "full"),
        *("kill", "kill", "freeze", "freeze", "full", "full"),
    ]
    for one, fault in zip(rounds, redis if short else redis * 10, strict=False):
        row = "F-09" if fault in ("freeze", "full") else "F-08"
        one.append(Step(row, f"Redis {fault}", random.uniform(0, 2), 0, {"seconds": 3}))
    storms = [[Step("F-12", "storm", 0, 0, {"seconds": 20 if short else 60})] for _ in range(1 if short else 3)]
    bursts = [[_burst(random)] for _ in range(1 if short else 3)]
    return rounds + storms + bursts


def _kills(random: Random) -> Round:
    """Both workers, within a second: the second often while the first one's partitions are on their way to it."""
    return [
        Step("F-01", "kill", after_seconds, slot, {"pause_seconds": random.uniform(0.1, 5)})
        for slot, after_seconds in zip(random.sample(range(2), 2), (0.0, random.random()), strict=True)
    ]


def _burst(random: Random) -> Step:
    pauses = [random.uniform(0.1, 1) for _ in range(30)]
    return Step("F-03", "burst", 0.0, 0, {"pauses": pauses})


def _crashes(length: Length, random: Random) -> list[Round]:
    """Each crash point, one in each worker at a time."""
    points = list(CRASH_POINTS) * (1 if length == "short" else 20)
    random.shuffle(points)
    steps = [
        Step(
            "F-02",
            f"crash at {point}",
            0.0,
            index % 2,
            {"point": point, "passes": _passes(point, random)},
        )
        for index, point in enumerate(points)
    ]
    return [steps[index : index + 2] for index in range(0, len(steps), 2)]


def _passes(point: str, random: Random) -> int:
    """Recovery comes once, everything else soon again."""
    return 1 if point == "P10" else random.randint(1, 4)


def _servers(length: Length, random: Random) -> list[Round]:
    """The broker and the network before it."""
    short = length == "short"
    rounds: list[Round] = [
        [Step("F-05", "broker kill", 0.0, 0, {"away_seconds": random.uniform(0, 3)})] for _ in range(3 if short else 30)
    ]
    rounds += [[_network(fault)] for fault in NETWORK * (1 if short else 8)]
    rounds += [list(_swallows(random)) for _ in range(1 if short else 6)]
    for one in rounds[: 2 if short else 12]:
        one.append(
            Step("F-01", "kill", random.random(), random.randrange(2), {"pause_seconds": random.uniform(0.1, 5)})
        )
    random.shuffle(rounds)
    if not short:
        rounds.append([Step("F-05", "broker kill", 0.0, 0, {"away_seconds": 70.0})])
        rounds.append([Step("F-06", "broker kill", 0.0, 0, {"away_seconds": 90.0})])
    return rounds


def _network(fault: str) -> Step:
    seconds = {"cut 1 s": 1.0, "cut 10 s": 10.0, "slow": 5.0, "slices": 5.0}.get(fault, 0.0)
    return Step("F-10", fault, 0.0, 0, {"seconds": seconds})


def _swallows(random: Random) -> Iterator[Step]:
    for answer in SWALLOWED:
        yield Step("F-11", f"swallow {answer}", random.random(), 0, {"answer": answer, "count": 2})


def append_refused(topic: str) -> Step:
    """The broker takes no more records of that topic, for a while."""
    return Step("F-18", f"append refused: {topic}", 0.0, 0, {"topic": topic, "seconds": 3})


def _limits(length: Length, random: Random) -> list[Round]:
    """What comes to a limit: records refused, files and memory denied, disks full, more work than anybody can do."""
    short = length == "short"
    rounds = [[append_refused(topic)] for topic in REFUSED * (1 if short else 4)]
    rounds += [
        [Step("F-15", f"starved of {of}", 0.0, random.randrange(2), {"of": of, "most": random.randint(*STARVED[of])})]
        for of in sorted(STARVED) * (1 if short else 5)
    ]
    rounds += [[Step("F-14", fault, 0.0, 1, {"seconds": 3})] for fault in FULL for _ in range(1 if short else 10)]
    random.shuffle(rounds)
    records = 60_000 if short else 300_000
    return rounds + [[Step("F-25", "backlog", 0.0, 0, {"records": records})] for _ in range(1 if short else 3)]


def _data(length: Length, random: Random) -> list[Round]:
    """The changelog is damaged, source records are gone unread, clocks are wrong, customers are forgotten."""
    times = 1 if length == "short" else 3
    rounds = [[Step("F-19", f"changelog {damage}", 0.0, 0, {"damage": damage})] for damage in DAMAGES * times]
    rounds += [[Step("F-20", "gap", 0.0)] for _ in range(times)]
    rounds += [
        [Step("F-21", f"clock {minutes:+d} min", 0.0, 0, {"minutes": minutes, "jumps": jumps})]
        for minutes, jumps in SKEWS * times
    ]
    erasures = range(2 if length == "short" else 10)
    rounds += [[Step("F-28", "forget", random.random(), random.randrange(2), {"number": one})] for one in erasures]
    random.shuffle(rounds)
    return rounds
