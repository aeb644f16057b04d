"""One partition's history, decided twice: by the old rules and by the new ones, entry by entry, with nothing live."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from agents.backtest.comparison import SIDES, Comparison, Difference, Side
from agents.backtest.figures import Figures, Tally
from agents.replay import Replay
from streams.actions import Decision, encode_decision
from streams.events import Response, Verdict
from streams.journal import ConfigVersion, Entry, EventEntry, Tick, kind_of
from streams.partition import JournalRecord
from streams.partition_record import RESERVED_KEYS

DIGEST_BYTES = 16
_offset = attrgetter("offset")


class Plan(Struct, frozen=True):
    """What is compared.

    Attributes:
        new: decides instead of all versions of the journal.
        old: the same on the other side; None: the journal's own, each from its entry on, as they were live.
        since_ms: from when on. Before, both sides are decided as it was live, so that they begin with what was known.
        is_live: the old side is what was live: responses of customers were to its offers.
    """

    new: ConfigVersion
    old: ConfigVersion | None = None
    since_ms: int | None = None
    is_live: bool = True


class Outcome(Struct):
    """What came of a partition; `made` are digests of the old side's decisions that are to be live's, in order."""

    number: int
    differences: dict[str, Difference]
    figures: dict[Side, dict[str, Figures]]
    contacts: dict[Side, Counter[int]]
    entries: Counter[str]
    customers: int
    versions: list[str]
    refused: list[str]
    span_ms: tuple[int, int]
    made: bytes = b""
    cpu_seconds: float = 0.0
    process: int = 0
    peak_bytes: int = 0


def digest(encoded: bytes) -> bytes:
    """A decision's bytes in short."""
    return blake2b(encoded, digest_size=DIGEST_BYTES).digest()


class Course(Struct):
    """Takes a partition's entries in order.

    Attributes:
        checked_below: the decisions on entries of lower offsets are to be held against live ones.
    """

    number: int
    plan: Plan
    checked_below: int = 0
    _old: Replay = field(default_factory=Replay)
    _new: Replay | None = None
    _comparison: Comparison = field(default_factory=Comparison)
    _tallies: dict[Side, Tally] = field(default_factory=lambda: {side: Tally() for side in SIDES})
    _entries: Counter[str] = field(default_factory=Counter)
    _versions: list[str] = field(default_factory=list)
    _began_ms: int = -1
    _newest_ms: int = -1
    _made: bytearray = field(default_factory=bytearray)

    def take(self, records: Sequence[JournalRecord]) -> None:
        """The next entries."""
        self._note(records)
        first = self._first(records) if self._new is None else 0
        if first:
            self._decide_old(records[:first])
        if first < len(records):
            self._compare(self._new or self._part(), records[first:])

    def close(self) -> Outcome:
        """There are no more."""
        tallies = self._tallies
        made = tallies["old"].ledger.answered_offers() if self.plan.is_live else []
        customers = self._old.tables.get(self.number, {}).keys() - RESERVED_KEYS
        return Outcome(
            number=self.number,
            differences=self._comparison.close(),
            figures={side: tally.by_trigger(made) for side, tally in tallies.items()},
            contacts={side: tally.contacts() for side, tally in tallies.items()},
            entries=self._entries,
            customers=len(customers),
            versions=self._versions,
            refused=sorted(self._old.refused),
            span_ms=(self._began_ms, self._newest_ms),
            made=bytes(self._made),
        )

    def _note(self, records: Sequence[JournalRecord]) -> None:
        self._entries.update(kind_of(one.entry) for one in records)
        for one in records:
            entry = one.entry
            if isinstance(entry, EventEntry):
                if isinstance(entry.event, Verdict | Response):
                    for tally in self._tallies.values():
                        tally.happened(entry.event)
            elif isinstance(entry, ConfigVersion) and entry.version not in self._versions[-1:]:
                self._versions.append(entry.version)

    def _first(self, records: Sequence[JournalRecord]) -> int:
        """How many of these still come before what is compared."""
        since_ms = self.plan.since_ms
        for number, one in enumerate(records):
            if since_ms is None or _passed_ms(one.entry) >= since_ms:
                return number
        return len(records)

    def _part(self) -> Replay:
        """From here on the sides go their own ways, from the same state."""
        number, plan = self.number, self.plan
        self._new = Replay({number: dict(self._old.tables.get(number, {}))})
        self._new.suppose(number, plan.new)
        if plan.old is not None:
            self._old.suppose(number, plan.old)
        return self._new

    def _compare(self, new: Replay, records: Sequence[JournalRecord]) -> None:
        times = [at_ms for one in records if (at_ms := _passed_ms(one.entry)) >= 0]
        if times:
            self._began_ms = min(times) if self._began_ms < 0 else self._began_ms
            self._newest_ms = max(self._newest_ms, *times)
        without = [one for one in records if not isinstance(one.entry, ConfigVersion)]
        self._take("old", self._decide_old(records if self.plan.old is None else without))
        self._take("new", new.apply(self.number, *without))

    def _decide_old(self, records: Sequence[JournalRecord]) -> list[Decision]:
        below = bisect_left(records, self.checked_below, key=_offset)
        checked = self._old.apply(self.number, *records[:below]) if below else []
        for one in checked:
            self._made += digest(encode_decision(one))
        return checked + (self._old.apply(self.number, *records[below:]) if below < len(records) else [])

    def _take(self, side: Side, decisions: list[Decision]) -> None:
        for one in map(_slim, decisions):
            self._comparison.take(side, one)
            self._tallies[side].decided(one)


def _slim(decision: Decision) -> Decision:
    """What is kept of it; there may be many."""
    return replace(decision, measured={}, prefilled={}, risk_shares={}, causes=decision.causes[-1:])


def _passed_ms(entry: Entry) -> int:
    """The time that an entry shows to have come; what operators append says nothing of it."""
    if isinstance(entry, EventEntry):
        return entry.event.at_ms
    return entry.at_ms if isinstance(entry, Tick) else -1
