"""Whether a run's output is right. A run with a fault has no speed.

Each source record must have become one journal entry or one dead letter, and the decisions must be those that the same
journal gives when it is applied again, byte for byte and in order.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from agents.unit_of_work import Fetched, Place
from streams import topics
from streams.actions import encode_decision
from streams.journal import EventEntry, Source, decode_entry
from streams.partition import JournalRecord, Partition

Topics = Mapping[Place, Sequence[Fetched]]
CHECKED = (topics.JOURNAL.name, topics.DEAD_LETTERS.name, topics.DECISIONS.name)


def faults(sources: Mapping[Place, int], output: Topics, positions: Mapping[int, int]) -> list[str]:
    """What is wrong, in words; empty when all is right.

    Args:
        sources: how many records were at each source place.
        output: the records of the topics `CHECKED`.
        positions: per journal partition, the first offset that the worker did not apply.
    """
    return [*_taken_in(sources, output), *_decided(output, positions)]


def _taken_in(sources: Mapping[Place, int], output: Topics) -> Iterator[str]:
    origins = Counter(_origins(output))
    expected = {Source(*place, offset) for place, count in sources.items() for offset in range(count)}
    if missing := len(expected - origins.keys()):
        yield f"{missing} source records are missing"
    if foreign := len(origins.keys() - expected):
        yield f"{foreign} entries have no source record"
    if repeated := sum(count - 1 for count in origins.values()):
        yield f"{repeated} source records were taken in twice"


def _origins(output: Topics) -> Iterator[Source]:
    for place, records in output.items():
        for record in records:
            if place.topic == topics.DEAD_LETTERS.name:
                named = dict(record.headers)
                topic, number, offset = (
                    named[f"__connect.errors.{name}"].decode() for name in ("topic", "partition", "offset")
                )
                yield Source(topic, int(number), int(offset))
            elif place.topic == topics.JOURNAL.name:
                entry = decode_entry(record.value or b"")
                if isinstance(entry, EventEntry):
                    yield entry.source


def _decided(output: Topics, positions: Mapping[int, int]) -> Iterator[str]:
    for number, position in positions.items():
        decided = [record.value for record in output[Place(topics.DECISIONS.name, number)]]
        journal = [one for one in output[Place(topics.JOURNAL.name, number)] if one.offset < position]
        entries = (JournalRecord(one.offset, decode_entry(one.value or b"")) for one in journal)
        expected = [encode_decision(decision) for decision in Partition({}).compute(entries).decisions]
        if decided != expected:
            yield f"partition {number}: {len(decided)} decisions, not the {len(expected)} that its journal gives"
