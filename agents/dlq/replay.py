"""Dead letters once more: the originals are fetched at their source and fed to our own intake.

What it can read now is appended to the journal, in one transaction with a marker on the topic of dead letters. One
transactional id for all replays: starting one ends an earlier one's open transaction and shuts it out, *before* the
markers are read. So each letter becomes an entry once at most, whatever crashes and whoever starts it again.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable
from contextlib import aclosing

import aiokafka
from aiokafka import TopicPartition
from msgspec import Struct, field

from agents import clients
from agents.dlq import letters
from agents.dlq.letters import Letter, Wanted
from agents.intake import IntakeWork
from agents.kafka_log import append_batches
from agents.map_topics import filled
from agents.metrics import Metrics
from agents.sources import OURS
from agents.topic_admin import MissingTopic, partition_counts
from agents.unit_of_work import Fetched, Outputs, Place, Record
from streams import topics
from streams.dead_letters import marker
from streams.sources import Sources

TRANSACTIONAL_ID = "bellwether-dlq"
LETTERS_PER_TRANSACTION = 500
FETCH_WAIT_MS = 500
EMPTY_FETCHES_MAX = 20


class Replayed(Struct):
    """What came of a replay.

    Attributes:
        journaled: now entries of the journal, by source topic.
        unreadable: still none, by the reason that the intake gives now.
        gone: no longer at the source: its retention has removed them, or the topic is no source any more.
        before: replayed earlier; left alone.
    """

    journaled: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    before: int = 0


Progress = Callable[[int, int], object]


async def replay(
    kafka: str,
    wanted: Wanted,
    progress: Progress = lambda *_: None,
    *,
    sources: Sources = OURS,
    dry_run: bool = False,
) -> Replayed:
    """Replay the wanted letters, read as `sources` say. A dry run appends nothing, and shuts nobody out.

    Raises:
        MissingTopic: there is no journal, no topic of dead letters, or none that a map needs.
        KafkaError, TimeoutError: the broker is out of reach, refuses, or another replay was started; run it again.
    """
    count = (await partition_counts(kafka)).get(topics.JOURNAL.name)
    if count is None:
        raise MissingTopic(topics.JOURNAL.name)
    work = IntakeWork(count, Metrics(), sources=await filled(kafka, sources))
    if dry_run:
        return await _replay(kafka, wanted, work, progress, None)
    producer = aiokafka.AIOKafkaProducer(**clients.to_kafka(kafka), transactional_id=TRANSACTIONAL_ID)
    async with producer:
        return await _replay(kafka, wanted, work, progress, producer)


async def _replay(
    kafka: str, wanted: Wanted, work: IntakeWork, progress: Progress, producer: aiokafka.AIOKafkaProducer | None
) -> Replayed:
    found = await letters.read(kafka, wanted)
    waiting = [letter for letter in found if not letter.replayed]
    result = Replayed(before=len(found) - len(waiting))
    outputs, done, pending = Outputs({}, lambda: None), 0, 0
    async with aclosing(originals(kafka, waiting, work.topics)) as fetching:
        async for letter, original in fetching:
            pending += _take(work, letter, original, outputs, result)
            done += 1
            if pending >= LETTERS_PER_TRANSACTION:
                await _append(producer, outputs)
                outputs, pending = Outputs({}, lambda: None), 0
            progress(done, len(waiting))
    await _append(producer, outputs)
    return result


def _take(work: IntakeWork, letter: Letter, original: Fetched | None, outputs: Outputs, result: Replayed) -> bool:
    """Feed one original to the intake; whether it is an entry now."""
    if original is None:
        result.gone[letter.source.topic] += 1
        return False
    place = Place(letter.source.topic, letter.source.partition)
    read = work.compute({place: [original]})
    [(where, [record])] = read.records.items()
    if where.topic != topics.JOURNAL.name:
        result.unreadable[dict(record.headers)["bellwether.reason"].decode()] += 1
        return False
    result.journaled[letter.source.topic] += 1
    outputs.add(where, record)
    told = marker(letter.source, where.partition, original.key)
    outputs.add(work.letters_of(place), Record(told.key, told.value, told.headers))
    return True


async def _append(producer: aiokafka.AIOKafkaProducer | None, outputs: Outputs) -> None:
    """One transaction for entries and markers; every append is awaited, since the commit notices none that failed."""
    if producer is None or not outputs.records:
        return
    async with producer.transaction():
        for place, records in outputs.records.items():
            for sent in await append_batches(producer, place, records):
                await sent


async def originals(
    kafka: str, wanted: Iterable[Letter], sources: Collection[str]
) -> AsyncGenerator[tuple[Letter, Fetched | None]]:
    """Each letter with the record that it came from, as the intake fetched it; None where that is gone."""
    by_place: dict[TopicPartition, list[Letter]] = {}
    for letter in wanted:
        by_place.setdefault(TopicPartition(letter.source.topic, letter.source.partition), []).append(letter)
    consumer = aiokafka.AIOKafkaConsumer(
        **clients.to_kafka(kafka), group_id=None, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    async with consumer:
        for partition, several in by_place.items():
            if partition.topic not in sources:
                for letter in several:
                    yield letter, None
                continue
            consumer.assign([partition])
            async for found in _of_one(consumer, partition, several):
                yield found


async def _of_one(
    consumer: aiokafka.AIOKafkaConsumer, partition: TopicPartition, wanted: list[Letter]
) -> AsyncIterator[tuple[Letter, Fetched | None]]:
    """The originals of a partition, ascending: what is fetched beside them is passed over."""
    start = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    fetched: dict[int, Fetched] = {}
    reached = -1
    for letter in wanted:
        offset = letter.source.offset
        if offset >= reached and start <= offset < end:
            fetched, reached = await _from(consumer, partition, offset)
        yield letter, fetched.get(offset)


async def _from(
    consumer: aiokafka.AIOKafkaConsumer, partition: TopicPartition, offset: int
) -> tuple[dict[int, Fetched], int]:
    """The records from an offset on that come with one fetch, and the offset after them.

    Raises:
        TimeoutError: nothing came.
    """
    consumer.seek(partition, offset)
    for _ in range(EMPTY_FETCHES_MAX):
        records = (await consumer.getmany(partition, timeout_ms=FETCH_WAIT_MS)).get(partition, [])
        position = await consumer.position(partition)
        if records or position > offset:
            return {record.offset: record for record in records}, position
    raise TimeoutError
