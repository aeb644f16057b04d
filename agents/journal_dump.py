"""The journal from its beginning to the end that it had at the start, committed entries only."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents import clients
from agents.topic_admin import MissingTopic, partition_counts
from streams.journal import decode_entry
from streams.partition import JournalRecord
from streams.topics import JOURNAL

STALLED_SECONDS_MAX = 30.0
WAIT_MS = 500


class JournalError(Exception):
    """A record of the journal is none; the message says which."""


async def read(
    bootstrap: str, progress: Callable[[int, int], object] = lambda *_: None, only: int | None = None
) -> AsyncGenerator[tuple[int, JournalRecord]]:
    """Every entry with its partition, ordered by partition and offset; of one partition, where `only` names it.

    `progress` hears after each fetch how many offsets are done, of how many in all.

    Raises:
        MissingTopic: there is no journal.
        JournalError: a record is no entry.
        KafkaError, TimeoutError: the broker is out of reach, or went away.
    """
    count = (await partition_counts(bootstrap)).get(JOURNAL.name)
    if count is None:
        raise MissingTopic(JOURNAL.name)
    partitions = [TopicPartition(JOURNAL.name, number) for number in range(count) if only in (None, number)]
    async with AIOKafkaConsumer(
        **clients.to_kafka(bootstrap), group_id=None, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        ends = await consumer.end_offsets(partitions)
        total, done = sum(ends.values()), 0
        for partition in partitions:
            async for record in _partition(consumer, partition, ends[partition], lambda at: progress(done + at, total)):  # noqa: B023 - called before the next turn
                yield partition.partition, record
            done += ends[partition]


async def _partition(
    consumer: AIOKafkaConsumer, partition: TopicPartition, end: int, progress: Callable[[int], object]
) -> AsyncIterator[JournalRecord]:
    """One partition up to `end`: the position passes a transaction's marker, where a count of records wouldn't."""
    consumer.assign([partition])
    at = await consumer.position(partition)
    while at < end:
        for fetched in await _next(consumer, partition):
            if fetched.offset < end:
                yield as_entry(partition.partition, fetched.offset, fetched.value)
        at = await consumer.position(partition)
        progress(min(at, end))


async def _next(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[ConsumerRecord]:
    """The next records; none if only markers were passed."""
    before = await consumer.position(partition)
    async with asyncio.timeout(STALLED_SECONDS_MAX):
        while True:
            fetched = await consumer.getmany(partition, timeout_ms=WAIT_MS)
            if fetched or await consumer.position(partition) > before:
                return list(fetched.get(partition, ()))


def as_entry(partition: int, offset: int, value: bytes | None) -> JournalRecord:
    """What a record of the journal says.

    Raises:
        JournalError: it is no entry.
    """
    try:
        return JournalRecord(offset, decode_entry(value or b""))
    except msgspec.MsgspecError as error:
        where = f"{JOURNAL.name}, partition {partition}, offset {offset}"
        raise JournalError(f"{where}: not a journal entry of this release ({error}).") from error
