"""Generated records as a worker fetches them, and the journal that they become, all in memory."""

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec
from msgspec import Struct

from agents.demo.generator import EVENTS_PER_CUSTOMER, SourceRecord, generate
from agents.intake import IntakeWork
from agents.metrics import Metrics
from agents.unit_of_work import Outputs, Place
from streams import config, dead_letters, topics
from streams.config import Config
from streams.journal import ConfigVersion, Tick, encode_entry

BATCH = 2000  # records a transaction takes under load
Batches = list[dict[Place, list["Read"]]]


class Read(Struct):
    """A record as it was fetched."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Named(Struct):
    """Whom a source record is about."""

    customer: str


class Prepared(Struct):
    """What is measured on: source batches, the same as journal batches for each set of rules, and their counts.

    Attributes:
        records: source records in `sources`.
        events: event entries in each journal; the rest became dead letters.
    """

    records: int
    events: int
    sources: Batches
    journals: dict[str, Batches]


def source_records(events: int, customers: int | None, seed: int) -> list[SourceRecord]:
    """Records in the order of arrival: all months of as few customers as do, or the first weeks of `customers`."""
    whole = events if customers is None else max(events, customers * EVENTS_PER_CUSTOMER)
    return list(islice(generate(whole, seed).records, events))


def customers_of(records: Iterable[SourceRecord]) -> int:
    """How many customers the records are about."""
    decode = msgspec.json.Decoder(Named).decode
    return len({decode(record.value).customer for record in records})


def metrics() -> Metrics:
    """As a worker has them."""
    return Metrics(dead_letters.REASONS)


def prepare(records: Sequence[SourceRecord], rules: dict[str, Config]) -> Prepared:
    """Batches of source records, and of the journal entries that the intake makes of them."""
    sources = _source_batches(records)
    work = IntakeWork(topics.PARTITIONS, metrics())
    taken_in = [(_newest_ms(batch), work.compute(batch)) for batch in sources]
    journals = {name: _journal_batches(taken_in, one) for name, one in rules.items()}
    events = sum(count_journal(outputs) for _, outputs in taken_in)
    return Prepared(len(records), events, sources, journals)


def count_journal(outputs: Outputs) -> int:
    """How many journal entries the intake made."""
    return sum(len(some) for place, some in outputs.records.items() if place.topic == topics.JOURNAL.name)


def _source_batches(records: Iterable[SourceRecord]) -> Batches:
    batches: Batches = []
    offsets: dict[str, int] = {}
    source = iter(records)
    while some := list(islice(source, BATCH)):
        batch: dict[Place, list[Read]] = {}
        for record in some:
            offset = offsets[record.topic] = offsets.get(record.topic, -1) + 1
            read = Read(offset, record.timestamp, record.key.encode(), bytes(record.value))
            batch.setdefault(Place(record.topic, 0), []).append(read)
        batches.append(batch)
    return batches


def _newest_ms(batch: dict[Place, list[Read]]) -> int:
    return max(records[-1].timestamp for records in batch.values())


def _journal_batches(taken_in: list[tuple[int, Outputs]], rules: Config) -> Batches:
    """Batches of each partition in turn; the rules come first, a tick ends each batch."""
    version = encode_entry(ConfigVersion(rules.version, config.encode(rules), 0))
    waiting = {number: [version] for number in range(topics.PARTITIONS)}
    offsets = dict.fromkeys(waiting, 0)
    batches: Batches = []
    for index, (newest_ms, outputs) in enumerate(taken_in):
        for number, values in waiting.items():
            place = Place(topics.JOURNAL.name, number)
            values += [record.value or b"" for record in outputs.records.get(place, ())]
            if len(values) >= BATCH or index == len(taken_in) - 1:
                values.append(encode_entry(Tick(newest_ms)))
                first = offsets[number]
                batches.append({place: [Read(first + at, newest_ms, None, value) for at, value in enumerate(values)]})
                offsets[number] += len(values)
                waiting[number] = []
    return batches
