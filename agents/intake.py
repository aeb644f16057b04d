"""The intake stage: source records in, journal entries and dead letters out."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from aiokafka.partitioner import murmur2

from agents import accounting, drains
from agents.metrics import Metrics
from agents.sources import OURS
from agents.unit_of_work import NO_NOTES, Fetched, Outputs, Place, Record
from streams import topics
from streams.card_numbers import holds_card_number
from streams.dead_letters import Rejected, dead_letter
from streams.drain import Limits, Toll
from streams.journal import EventEntry, Source, encode_entry
from streams.sources import Sources

CUSTOMERS_CACHED_MAX = 1 << 18  # murmur2 in Python costs 5 microseconds, a look-up 0.1
TRACEPARENT = "traceparent"
# Version, trace id, span id, flags; ids of noughts are none. Source: W3C Trace Context, 3.2.
_TRACE_CONTEXT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class IntakeWork:
    """Reads the records of one partition number of all source topics; `partitions` is the count of each topic of ours.

    Where there are `limits`, it refuses to drain a source into the dead letters, going on from what `notes` counted.
    """

    def __init__(
        self,
        partitions: int,
        metrics: Metrics,
        limits: Limits | None = None,
        notes: Mapping[Place, str] = NO_NOTES,
        sources: Sources = OURS,
    ) -> None:
        self._partitions = partitions
        self._limits = limits
        self._tolls = drains.recalled(notes)
        self._readers = sources.readers
        self._place_of = lru_cache(CUSTOMERS_CACHED_MAX)(lambda customer: journal_place(customer, partitions))
        self._metrics = metrics

    @property
    def topics(self) -> Collection[str]:
        """The source topics that it can read."""
        return self._readers.keys()

    def letters_of(self, place: Place) -> Place:
        """Where the dead letters of a source partition are, and their markers: a source may have more than we have."""
        return Place(topics.DEAD_LETTERS.name, place.partition % self._partitions)

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """What these records lead to: each becomes exactly one journal entry or one dead letter.

        Raises:
            Drained: too many of them would be dead letters.
        """
        positions = {place: records[-1].offset + 1 for place, records in fetched.items()}
        rejected: dict[tuple[str, str], int] = {}
        dead: dict[Place, dict[int, str]] = {}
        tolls: dict[Place, Toll] = {}

        def adopt() -> None:
            accounting.taken_in(self._metrics, fetched, rejected)
            self._tolls |= tolls

        outputs = Outputs(positions, adopt)
        for place, records in fetched.items():
            reader = self._readers[place.topic]
            read, is_keyed = reader.read, reader.is_keyed
            for record in records:
                value, at_ms = record.value, record.timestamp
                event = read(value, at_ms, record.key) if is_keyed else read(value, at_ms)
                if isinstance(event, Rejected):
                    rejected[place.topic, event.reason] = rejected.get((place.topic, event.reason), 0) + 1
                    dead.setdefault(place, {})[record.offset] = event.reason
                    outputs.add(self.letters_of(place), _dead(place, record, event))
                    continue
                source = Source(place.topic, place.partition, record.offset)
                value = encode_entry(EventEntry(event, source, _traceparent(record)))
                outputs.add(self._place_of(event.customer), Record(event.customer.encode(), value))
        if self._limits is not None:
            tolls |= drains.counted(self._limits, self._tolls, fetched, dead)
            outputs.notes = drains.noted(tolls)
        return outputs


def journal_place(customer: str, partitions: int) -> Place:
    """The customer's journal partition, as the Java client's default partitioner has it."""
    return Place(topics.JOURNAL.name, (murmur2(customer.encode()) & 0x7FFFFFFF) % partitions)


def _traceparent(record: Fetched) -> str | None:
    """The record's W3C trace context; None for anything else of that name, which could be a customer's data."""
    for name, value in record.headers:
        if name == TRACEPARENT and _TRACE_CONTEXT.fullmatch(value or b"") and not holds_card_number(value):
            return value.decode()
    return None


def _dead(place: Place, record: Fetched, rejected: Rejected) -> Record:
    letter = dead_letter(rejected, Source(place.topic, place.partition, record.offset), record.key)
    return Record(letter.key, letter.value, letter.headers)
