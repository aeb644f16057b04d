"""Source coordinates: every source record became exactly one journal entry or one dead letter, or both by a replay."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct, field

from agents.audit.findings import Findings
from agents.audit.log import Moment, Records
from agents.unit_of_work import Place
from agents.verify import coordinates
from streams.dead_letters import REASONS, REPLAYED
from streams.journal import Source

CHUNK = 1 << 16
BITS = 4
COUNT_MAX = (1 << BITS) - 1


class Taken(NamedTuple):
    """How often a source record was taken in, as an entry and as a dead letter; at most 15 times each is counted."""

    entries: int
    letters: int


NEVER = Taken(0, 0)
ONCE = (Taken(1, 0), Taken(0, 1))
REPLAYED_ONCE = Taken(1, 1)


class Tally:
    """How often each offset of a place was taken in, in a byte each."""

    def __init__(self) -> None:
        self.distinct = 0
        self.below: dict[int, bytearray] = {}

    def add(self, offset: int, *, letter: bool = False) -> Taken:
        """Count it; returns how often it was taken in by now."""
        chunk = self.below.setdefault(offset // CHUNK, bytearray(CHUNK))
        before = self.taken(offset)
        entries, letters = (before.entries, before.letters + 1) if letter else (before.entries + 1, before.letters)
        now = Taken(min(entries, COUNT_MAX), min(letters, COUNT_MAX))
        chunk[offset % CHUNK] = now.letters << BITS | now.entries
        self.distinct += before == NEVER
        return now

    def taken(self, offset: int) -> Taken:
        """How often it was taken in."""
        chunk = self.below.get(offset // CHUNK)
        count = chunk[offset % CHUNK] if chunk is not None else 0
        return Taken(count & COUNT_MAX, count >> BITS)

    def __contains__(self, offset: int) -> bool:
        return self.taken(offset) != NEVER

    def before(self, end: int) -> int:
        """How many different offsets below `end` were counted."""
        whole, rest = divmod(end, CHUNK)
        return sum(
            CHUNK - chunk.count(0) if number < whole else rest - chunk[:rest].count(0)
            for number, chunk in self.below.items()
            if number <= whole
        )


class Sources(Struct):
    """What was taken in, held against what the source topics have.

    Attributes:
        events: journal entries that came from a source record.
        letters: dead letters by reason.
        read: source records that are still there; `unread` of them the group has yet to read.
        gone: taken in, and since removed at the source by its retention.
        replayed: dead letters that became entries later, as their markers say.
        markers: how often each of those has one.
        repeats: source records that were taken in more than once, which only a marker explains.
    """

    events: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    read: int = 0
    unread: int = 0
    gone: int = 0
    lost: int = 0
    again: int = 0
    unknown: int = 0
    problems: Findings = field(default_factory=Findings)
    reasons: Findings = field(default_factory=Findings)
    tallies: dict[Place, Tally] = field(default_factory=dict)
    replayed: int = 0
    markers: Counter[Source] = field(default_factory=Counter)
    repeats: set[Source] = field(default_factory=set)

    def journaled(self, source: Source) -> None:
        """A journal entry says that it came from there."""
        self.events += 1
        self._count(source)

    def letter(self, place: Place, record: ConsumerRecord) -> None:
        """A dead letter says so; or a marker, that one was replayed."""
        named = dict(record.headers)
        if REPLAYED in named:
            self._marker(place, record, named)
            return
        reason = named.get("bellwether.reason", b"").decode(errors="replace")
        self.letters[reason if reason in REASONS else "unknown"] += 1
        where = f"{place.topic}, partition {place.partition}, offset {record.offset}"
        if reason not in REASONS:
            self.reasons.add(f"dead letter without a known reason: {where}")
        source = _origin(named)
        if source is None:
            self.unknown += 1
            self.problems.add(f"dead letter without source coordinates: {where}")
        else:
            self._count(source, letter=True)

    def compare(self, moment: Moment, place: Place, records: Records) -> int:
        """Source records as they are read; returns how many of them were taken in."""
        tally, found = self.tallies.get(place) or Tally(), 0
        self.read += len(records)
        for record in records:
            if record.offset in tally:
                found += 1
            elif moment.is_unread(place, record.offset):
                self.unread += 1
            else:
                self.lost += 1
                self.problems.add(f"lost: {place.topic}, partition {place.partition}, offset {record.offset}")
        return found

    def close(self, moment: Moment, found: Counter[Place], retired: Collection[str]) -> None:
        """All sources were read; `found` says how many of each place's records were taken in.

        `retired` topics aren't read any more, and needn't be there.
        """
        for place, tally in self.tallies.items():
            is_away = place not in moment.starts and place.topic in retired
            gone = tally.distinct if is_away else tally.before(moment.starts.get(place, 0))
            self.gone += gone
            unknown = tally.distinct - gone - found[place]
            self.unknown += unknown
            if unknown:
                where = f"{place.topic}, partition {place.partition}"
                self.problems.add(f"taken in from {unknown} offsets that have no source record: {where}")

    def reconcile(self) -> None:
        """All letters and entries were read: what was taken in more than once needs a marker, and a marker that."""
        for source in sorted(self.repeats | self.markers.keys(), key=msgspec.structs.astuple):
            taken, markers = self.tallies.get(_place(source), Tally()).taken(source.offset), self.markers[source]
            where = f"{source.topic}, partition {source.partition}, offset {source.offset}"
            if (taken, markers) == (REPLAYED_ONCE, 1):
                self.replayed += 1
            elif taken in ONCE or taken == NEVER:
                self.problems.add(f"a marker says replayed, but it isn't dead letter and entry: {where}")
            else:
                self.again += sum(taken) - 1
                self.problems.add(f"taken in again: {where}")

    def _marker(self, place: Place, record: ConsumerRecord, named: dict[str, bytes]) -> None:
        source = _origin(named)
        if source is None:
            self.problems.add(f"marker without source coordinates: {place.topic}, {place.partition}, {record.offset}")
        else:
            self.markers[source] += 1

    def _count(self, source: Source, *, letter: bool = False) -> None:
        if self.tallies.setdefault(_place(source), Tally()).add(source.offset, letter=letter) not in ONCE:
            self.repeats.add(source)


def _place(source: Source) -> Place:
    return Place(source.topic, source.partition)


def _origin(named: dict[str, bytes]) -> Source | None:
    try:
        return coordinates(named)
    except (KeyError, ValueError):
        return None
