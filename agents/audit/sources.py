"""Source coordinates: every source record became exactly one journal entry or one dead letter."""

from collections import Counter

from aiokafka import ConsumerRecord
from msgspec import Struct, field

from agents.audit.findings import Findings
from agents.audit.log import Moment, Records
from agents.unit_of_work import Place
from agents.verify import coordinates
from streams.dead_letters import REASONS
from streams.journal import Source

CHUNK = 1 << 16
COUNT_MAX = 255


class Tally:
    """How often each offset of a place was counted, in a byte each."""

    def __init__(self) -> None:
        self.distinct = 0
        self.below: dict[int, bytearray] = {}

    def add(self, offset: int) -> int:
        """Count it; returns how often it was by now, at most 255."""
        chunk = self.below.setdefault(offset // CHUNK, bytearray(CHUNK))
        count = min(chunk[offset % CHUNK] + 1, COUNT_MAX)
        chunk[offset % CHUNK] = count
        self.distinct += count == 1
        return count

    def __contains__(self, offset: int) -> bool:
        chunk = self.below.get(offset // CHUNK)
        return chunk is not None and chunk[offset % CHUNK] > 0

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

    def journaled(self, source: Source) -> None:
        """A journal entry says that it came from there."""
        self.events += 1
        self._count(source)

    def letter(self, place: Place, record: ConsumerRecord) -> None:
        """A dead letter says so."""
        named = dict(record.headers)
        reason = named.get("bellwether.reason", b"").decode(errors="replace")
        self.letters[reason if reason in REASONS else "unknown"] += 1
        where = f"{place.topic}, partition {place.partition}, offset {record.offset}"
        if reason not in REASONS:
            self.reasons.add(f"dead letter without a known reason: {where}")
        try:
            source = coordinates(named)
        except (KeyError, ValueError):
            self.unknown += 1
            self.problems.add(f"dead letter without source coordinates: {where}")
        else:
            self._count(source)

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

    def close(self, moment: Moment, found: Counter[Place]) -> None:
        """All sources were read; `found` says how many of each place's records were taken in."""
        for place, tally in self.tallies.items():
            gone = tally.before(moment.starts.get(place, 0))
            self.gone += gone
            unknown = tally.distinct - gone - found[place]
            self.unknown += unknown
            if unknown:
                where = f"{place.topic}, partition {place.partition}"
                self.problems.add(f"taken in from {unknown} offsets that have no source record: {where}")

    def _count(self, source: Source) -> None:
        place = Place(source.topic, source.partition)
        if self.tallies.setdefault(place, Tally()).add(source.offset) > 1:
            self.again += 1
            self.problems.add(f"taken in again: {place.topic}, partition {place.partition}, offset {source.offset}")
