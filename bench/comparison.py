"""Pairs of runs, one program and ours, in turns of changing order, until there are enough of them or time is up."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from agents import stack
from agents.stack.errors import StackError
from bench import peer_run, plan, sources
from bench.contestants import ALL
from bench.outcome import Outcome
from bench.peer_run import Field, PeerRun
from bench.plan import Contest
from bench.purchases import Settings
from bench.sources import Source

STEAL_SHARE_MAX = 0.02
FOREIGN_SHARE_MAX = 0.05
BROKER = {"num.partitions": str(sources.PARTITIONS), "log.retention.ms": "-1"}


class Pair(Struct, frozen=True):
    """Two runs, one right after the other; `reference` is None where it doesn't do the job."""

    turn: int
    warmup: int
    peer: PeerRun
    reference: PeerRun | None = None

    @property
    def runs(self) -> list[PeerRun]:
        """Both."""
        return [self.peer] if self.reference is None else [self.peer, self.reference]

    @property
    def faults(self) -> list[str]:
        """What was wrong with either output."""
        return [f"{run.contestant}, {run.job}: {fault}" for run in self.runs for fault in run.faults]

    @property
    def disturbed(self) -> str:
        """Why it can't be counted; empty when it can."""
        steal = max(run.steal_share for run in self.runs)
        foreign = max(run.foreign_share for run in self.runs)
        if steal > STEAL_SHARE_MAX:
            return f"{steal:.0%} of the machine was taken away"
        return f"others used {foreign:.0%} of the machine" if foreign > FOREIGN_SHARE_MAX else ""


class Data(Struct, frozen=True):
    """What the programs read."""

    settings: Settings
    data_sha256: str
    value_bytes: float
    expected: dict[str, Outcome]


class Wanted(Struct, frozen=True):
    """How a comparison is to be made.

    Attributes:
        reference: the program that the others' figures are divided by.
        pinned: the program on one core, the broker on another.
        loaded: count pairs that met steal or other people's load too.
    """

    contests: list[Contest]
    pairs: int
    minutes: float
    reference: str = "ours"
    pinned: bool = False
    loaded: bool = False


class Compared(Struct, frozen=True):
    """All that came of it."""

    wanted: Wanted
    data: list[Data]
    pairs: list[Pair]
    seconds: float


async def compare(wanted: Wanted) -> Compared:
    """Carry it out on a broker of its own."""
    began = time.monotonic()
    with stack.running(kafka_properties=BROKER) as servers:
        broker = servers.pids.get("kafka")
        if broker is None:
            raise StackError("A comparison looks at its own broker from outside: unset BELLWETHER_KAFKA.")
        if wanted.pinned:
            psutil.Process(broker).cpu_affinity([1])
        field = Field(servers.kafka, broker, servers.folder, 0 if wanted.pinned else None)
        loaded = await _loaded(field, wanted.contests)
        rounds = _Rounds(wanted, field, loaded, began + wanted.minutes * 60)
        await rounds.run()
    data = [Data(one.settings, one.data_sha256, one.value_bytes, one.expected) for one in loaded.values()]
    return Compared(wanted, data, rounds.pairs, time.monotonic() - began)


async def _loaded(field: Field, contests: Sequence[Contest]) -> dict[Settings, Source]:
    found = {}
    for settings, jobs in plan.inputs(contests):
        key = "card" if settings.cards == 1 else "customer"
        say(f"loading {settings.events:,} events, {settings.skew}, keyed by {key}")
        found[settings] = await sources.load_source(field.kafka, settings, jobs, field.folder)
    return found


class _Rounds:
    """A pair of every contest that is due, again and again; a wrong output or enough pairs end a contest."""

    def __init__(self, wanted: Wanted, field: Field, loaded: Mapping[Settings, Source], deadline: float) -> None:
        self.pairs: list[Pair] = []
        self._wanted = wanted
        self._field = field
        self._loaded = loaded
        self._deadline = deadline
        self._counted: Counter[Contest] = Counter()
        self._seconds: dict[Contest, float] = {}
        self._runs = 0

    async def run(self) -> None:
        """Until every main contest has its pairs, or until time is up; the first round is run whole."""
        turn = 0
        while self._goes_on(turn):
            for contest in self._wanted.contests:
                if contest.due(turn) and self._open(contest) and self._fits(contest):
                    await self._pair(contest, turn)
            turn += 1

    def _goes_on(self, turn: int) -> bool:
        if turn == 0:
            return True
        return self._time_left() > 0 and (turn <= plan.SIDE_ROUND or any(map(self._open, self._main())))

    def _main(self) -> list[Contest]:
        return [one for one in self._wanted.contests if one.main] or self._wanted.contests

    def _open(self, contest: Contest) -> bool:
        return self._counted[contest] < self._wanted.pairs

    def _time_left(self) -> float:
        return self._deadline - time.monotonic()

    def _fits(self, contest: Contest) -> bool:
        return self._seconds.get(contest, 0.0) <= max(0.0, self._time_left()) or not self._seconds.get(contest)

    async def _pair(self, contest: Contest, turn: int) -> None:
        """Ours and theirs, in the other order each round: A B, B A."""
        began = time.monotonic()
        reference = contest.reference(self._wanted.reference)
        names = [contest.contestant] if reference is None else [contest.contestant, reference]
        order = range(len(names))[:: 1 if turn % 2 else -1]
        runs = {index: await self._run(names[index], contest) for index in order}
        pair = Pair(turn, contest.warmup, runs[0], runs.get(1))
        self.pairs.append(pair)
        self._seconds[contest] = time.monotonic() - began
        self._counted[contest] += self._wanted.pairs if pair.faults else self._wanted.loaded or not pair.disturbed
        say("  not counted: " + pair.disturbed if pair.disturbed and not self._wanted.loaded else "  counted")

    async def _run(self, name: str, contest: Contest) -> PeerRun:
        self._runs += 1
        source = self._loaded[contest.settings]
        contestant = ALL[name]
        done = await peer_run.run(
            self._field, contestant, source, contest.job, warmup=contest.warmup, number=self._runs
        )
        said = "; ".join(done.faults) if done.faults else f"{done.cpu_us:.2f} µs/event, {done.per_second:,.0f} events/s"
        left = max(0.0, self._time_left()) / 60
        say(
            f"{left:5.1f} min left: {contest.job}, {contest.settings.skew}, {contest.settings.events:,}: {name}: {said}"
        )
        return done


def say(line: str) -> None:
    """Progress, beside the result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
