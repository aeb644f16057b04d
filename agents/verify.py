"""What a run left on Kafka, held against the oracle: the same engine over the same journal, in one process.

What must hold: every source record became exactly one journal entry or dead letter; every decision and action is on its
topic exactly once, byte for byte and in order; every customer's state in the changelog is the oracle's. Outputs alone
don't show an event that was applied twice: states do.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import zip_longest
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct, field

from agents import journal_dump
from agents.group_positions import committed_positions
from agents.kafka_reader import committed_records, read_table
from agents.replay import Replay
from agents.sources import OURS
from agents.topic_admin import partition_counts
from agents.unit_of_work import Place
from streams import topics
from streams.actions import destinations, encode_decision, headers
from streams.dead_letters import REPLAYED
from streams.journal import EventEntry, Source, Tick
from streams.partition_record import PARTITION_KEY, SOURCES_KEY, PartitionRecord
from streams.sources import Sources

Tables = dict[int, dict[bytes, bytes]]


class Published(NamedTuple):
    """A record as another system reads it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


Publications = dict[TopicPartition, list[Published]]


class Replayed(Struct):
    """What a replay of the journal published and keeps.

    Attributes:
        taken_in: how often each source record became an entry.
        undecided: entries that the workers never got to.
    """

    machine: Replay = field(default_factory=Replay)
    published: Publications = field(default_factory=dict)
    taken_in: Counter[Source] = field(default_factory=Counter)
    undecided: int = 0


class Evidence(Struct, kw_only=True):
    """What a run left behind.

    Attributes:
        live: what was published, by topic and partition, in order.
        tables: the state that the workers keep, by partition and key.
    """

    live: Publications
    tables: Tables
    replayed: Replayed


def as_published(record: ConsumerRecord) -> Published:
    """A record without what the broker adds to it."""
    return Published(record.key, record.value, tuple(record.headers))


async def live_tables(kafka: str) -> Tables:
    """The state that the workers keep, read from its changelog; without what no journal gives: how far sources are."""
    tables = await read_table(kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))
    for table in tables.values():
        table.pop(SOURCES_KEY, None)
    return tables


async def gather(kafka: str) -> Evidence:
    """Read everything that a run left on Kafka, and decide it again."""
    live: Publications = {}
    async for place, records in committed_records(kafka, _places(topics.OUTPUTS)):
        live.setdefault(TopicPartition(*place), []).extend(as_published(record) for record in records)
    tables = await live_tables(kafka)
    return Evidence(live=live, tables=tables, replayed=await replay(kafka, tables))


async def replay(kafka: str, tables: Tables, progress: Callable[[int, int], object] = lambda *_: None) -> Replayed:
    """Decide the whole journal again, as far as the workers got; what only ticks add after that doesn't count."""
    reached = {number: state_position(table) for number, table in tables.items()}
    replayed = Replayed()
    async for number, record in journal_dump.read(kafka, progress):
        if record.offset > reached[number]:
            replayed.undecided += not isinstance(record.entry, Tick)
            continue
        if isinstance(record.entry, EventEntry):
            replayed.taken_in[record.entry.source] += 1
        for decision in replayed.machine.apply(number, record):
            one = Published(decision.customer.encode(), encode_decision(decision), tuple(headers(decision)))
            for topic in destinations(decision):
                replayed.published.setdefault(TopicPartition(topic, number), []).append(one)
    return replayed


def repeated_ids(evidence: Evidence) -> list[str]:
    """Ids that were published more than once in the same topic."""
    found: list[str] = []
    for topic in (topics.DECISIONS, topics.FRAUD_CHECK_ACTIONS, topics.RETENTION_ACTIONS):
        records = (one for place, some in evidence.live.items() if place.topic == topic.name for one in some)
        counts = Counter(id_of(record) for record in records)
        found += [f"{identifier} in {topic.name}" for identifier, count in counts.items() if count > 1]
    return found


def dead_letters(evidence: Evidence) -> Counter[str]:
    """How many dead letters there are, by reason; those that were replayed since count too."""
    named = (dict(letter.headers) for letter in _dead_letters(evidence))
    return Counter(one["bellwether.reason"].decode() for one in named if REPLAYED not in one)


def differences(evidence: Evidence) -> Iterator[str]:
    """Where live and replayed publications part, the first place of each partition."""
    replayed = evidence.replayed.published
    for place in sorted(evidence.live.keys() | replayed.keys()):
        if place.topic != topics.DEAD_LETTERS.name:
            yield from _first_difference(place, evidence.live.get(place, ()), replayed.get(place, ()))


def state_differences(evidence: Evidence) -> int:
    """How many records of the state differ between the workers' and the replay's."""
    replayed = evidence.replayed.machine.tables
    return sum(
        table.get(key) != replayed.get(number, {}).get(key)
        for number, table in evidence.tables.items()
        for key in table.keys() | replayed.get(number, {}).keys()
    )


def _first_difference(place: TopicPartition, live: Sequence[Published], again: Sequence[Published]) -> Iterator[str]:
    for number, (one, other) in enumerate(zip_longest(live, again)):
        if one != other:
            ids = f"live {id_of(one)}, replay {id_of(other)}"
            yield f"{place.topic}, partition {place.partition}, record {number}: {ids}"
            return


def id_of(record: Published | None) -> str:
    """The decision's id."""
    return "nothing" if record is None else dict(record.headers)["ce_id"].decode()


def state_position(table: dict[bytes, bytes]) -> int:
    """Up to which journal offset a partition's state has got; -1 before the first."""
    return msgspec.msgpack.decode(table.get(PARTITION_KEY, b"\x90"), type=PartitionRecord).position


async def settled(kafka: str, sources: Sources = OURS) -> bool:
    """Whether the workers have nothing left to read: beyond what the group committed there are no records."""
    places = [*await _source_places(kafka, sources), *_places([topics.JOURNAL])]
    positions = await committed_positions(kafka, topics.APP, places)
    async with aclosing(committed_records(kafka, places, positions)) as left:
        async for _ in left:
            return False
    return True


async def source_problems(kafka: str, evidence: Evidence, sources: Sources = OURS) -> list[str]:
    """Source records that were lost, or taken in more than once."""
    taken_in = Counter(evidence.replayed.taken_in)
    for letter in _dead_letters(evidence):
        named = dict(letter.headers)
        taken_in[coordinates(named)] += -1 if REPLAYED in named else 1  # replayed, it is an entry instead
    problems = [f"taken in {count} times: {source}" for source, count in taken_in.items() if count > 1]
    async for place, records in committed_records(kafka, await _source_places(kafka, sources)):
        lost = [record.offset for record in records if not taken_in[Source(*place, record.offset)]]
        problems += [f"lost: {place.topic}, partition {place.partition}, offset {offset}" for offset in lost]
    return problems


async def verify(kafka: str, sources: Sources = OURS) -> tuple[Evidence, list[str]]:
    """The evidence and every problem in it. The workers should have nothing left to do, or the end will differ."""
    evidence = await gather(kafka)
    problems = [f"published twice: {one}" for one in repeated_ids(evidence)]
    problems += differences(evidence)
    if wrong := state_differences(evidence):
        problems.append(f"{wrong} records of the state differ from the oracle's")
    if evidence.replayed.undecided:
        problems.append(f"{evidence.replayed.undecided} journal entries were never decided")
    return evidence, problems + await source_problems(kafka, evidence, sources)


def _dead_letters(evidence: Evidence) -> Iterator[Published]:
    """The dead letters, and the markers of those that were replayed."""
    return (one for place, some in evidence.live.items() if place.topic == topics.DEAD_LETTERS.name for one in some)


def coordinates(named: dict[str, bytes]) -> Source:
    """Where a dead letter came from, by its headers.

    Raises:
        KeyError, ValueError: it doesn't say.
    """
    topic, partition, offset = (named[f"__connect.errors.{name}"].decode() for name in ("topic", "partition", "offset"))
    return Source(topic, int(partition), int(offset))


async def _source_places(kafka: str, sources: Sources) -> list[Place]:
    """As many of each topic as there are now."""
    counts = await partition_counts(kafka)
    return [Place(name, number) for name in sources.names for number in range(counts.get(name, 0))]


def _places(some: Iterable[topics.Topic]) -> list[Place]:
    return [Place(topic.name, number) for topic in some for number in range(topic.partitions)]
