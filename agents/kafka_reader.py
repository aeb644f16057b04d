"""Reading partitions from positions of our own, with a consumer that belongs to no group.

Faust keeps membership and assignment; it never fetches. A `Reader` lives from one assignment to the next revocation
and is never reused or sought, so a record of a stale position can't exist: there is no fetch from before.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, MutableMapping
from contextlib import aclosing

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError, UnknownTopicOrPartitionError

from agents import clients, gaps
from agents.kafka_client import BatchConsumer
from agents.lane import Batch, Lane
from agents.unit_of_work import Fetched, Place

FETCH_WAIT_MS_MAX = 10  # one fetch is in flight per broker: a quiet partition must not delay the others for long
FETCH_BYTES_MAX = 1 << 20
READ_LIMIT_MS = 200
ALL_FULL_PAUSE_SECONDS = 0.002
STALLED_SECONDS = 90.0  # longer than Kafka leaves a transaction open whose producer died, with its round of looking
NS_PER_MS = 1_000_000


class Reader:
    """Fetches committed records of some places, each from its own position, for lanes that have room."""

    def __init__(self, bootstrap_servers: str, lanes: Mapping[Place, Lane]) -> None:
        self._consumer = _consumer(bootstrap_servers)
        self._lanes = {TopicPartition(*place): lane for place, lane in lanes.items()}
        self._fetched = dict.fromkeys(self._lanes, 0)
        self._began_ms = time.time_ns() // NS_PER_MS

    async def start(self, positions: Mapping[Place, int | None]) -> None:
        """Begin at these offsets; where there is none, at the oldest record there is.

        Raises:
            RecordsGone, LogReplaced: a place no longer has the record at its offset, and won't have.
        """
        await _start(self._consumer, self._lanes)
        await _seek(self._consumer, positions)
        known = {TopicPartition(*place): position for place, position in positions.items() if position is not None}
        await gaps.check(self._consumer, known)

    async def stop(self) -> None:
        """End fetching; what was fetched and not handed over is gone with it."""
        await self._consumer.stop()

    async def read(self) -> list[Batch]:
        """The next records, a batch per place; empty when nothing came for a while.

        Raises:
            RecordsGone, LogReplaced: a place no longer has its next record, and won't have.
        """
        ready = [partition for partition, lane in self._lanes.items() if not lane.full]
        if not ready:
            await asyncio.sleep(ALL_FULL_PAUSE_SECONDS)
            return []
        try:
            fetched = await self._consumer.getmany(*ready, timeout_ms=READ_LIMIT_MS)
        except OffsetOutOfRangeError as error:
            await gaps.check(self._consumer, error.args[0])
            raise
        except UnknownTopicOrPartitionError as error:
            raise gaps.away(error.args[0]) from error
        return [self._batch(partition, records) for partition, records in fetched.items()]

    def _batch(self, partition: TopicPartition, records: list[Fetched]) -> Batch:
        self._fetched[partition] += 1
        return Batch(Place(partition.topic, partition.partition), records, self._fetched[partition] - 1)

    def quiet_seconds(self) -> float:
        """How long ago a fetch was last answered, of the place where that is longest ago; an empty answer counts."""
        answered = (self._consumer.last_poll_timestamp(partition) for partition in self._lanes)
        oldest_ms = min(at_ms or self._began_ms for at_ms in answered)
        return time.time_ns() // NS_PER_MS / 1000 - oldest_ms / 1000

    async def lags(self) -> dict[Place, tuple[int, int]]:
        """Per place, the position reached and the end of the log as far as known: what the watchdog compares."""
        reached = {}
        for partition in self._lanes:
            end = self._consumer.highwater(partition)
            if end is not None:
                position = await self._consumer.position(partition)
                reached[Place(partition.topic, partition.partition)] = (position, end)
        return reached


async def committed_records(
    bootstrap_servers: str, places: Iterable[Place], positions: Mapping[Place, int | None] | None = None
) -> AsyncGenerator[tuple[Place, list[aiokafka.ConsumerRecord]]]:
    """All committed records of some places up to the end that was seen at the start, in batches.

    They begin at `positions`, or with the oldest where there is none.

    Each place is in order. A trailing transaction marker is passed like a record: it ends where the position does.
    Waits for transactions that are open at the start: one whose commit was acknowledged may still lack its markers.

    Raises:
        TimeoutError: nothing moved for a minute and a half.
    """
    places = list(places)
    if not places:
        return  # aiokafka's stop raises CancelledError where nothing was assigned
    left = {TopicPartition(*place) for place in places}
    consumer = _consumer(bootstrap_servers)
    await _start(consumer, left)
    try:
        await _seek(consumer, {**dict.fromkeys(places), **(positions or {})})
        ends = await _ends(bootstrap_servers, left)
        left = await _unfinished(consumer, left, ends)
        while left:
            async with asyncio.timeout(STALLED_SECONDS):
                fetched = await _moved(consumer, left)
            for partition, records in fetched.items():
                yield Place(partition.topic, partition.partition), records
            left = await _unfinished(consumer, left, ends)
    finally:
        await consumer.stop()


Table = MutableMapping[bytes, bytes]


async def read_table(bootstrap_servers: str, topic: str, numbers: Iterable[int]) -> dict[int, dict[bytes, bytes]]:
    """The last value of each key, per partition of a compacted topic.

    Raises:
        TimeoutError: nothing moved for a minute and a half.
    """
    tables: dict[int, dict[bytes, bytes]] = {number: {} for number in numbers}
    await read_into(tables, bootstrap_servers, topic)
    return tables


async def read_into(
    tables: Mapping[int, Table], bootstrap_servers: str, topic: str, wanted: Callable[[], bool] = lambda: True
) -> None:
    """The same, into empty tables by number of the partition.

    Ends early, with part of it, as soon as it isn't wanted any more.

    Raises:
        TimeoutError: nothing moved for a minute and a half.
    """
    async with aclosing(committed_records(bootstrap_servers, [Place(topic, number) for number in tables])) as reading:
        async for place, records in reading:
            if not wanted():
                break
            table = tables[place.partition]
            last = {record.key: record.value for record in records}
            for key in [key for key, value in last.items() if value is None]:
                del last[key]
                table.pop(key, None)
            table.update(last)


Fetch = dict[TopicPartition, list[aiokafka.ConsumerRecord]]


async def _moved(consumer: aiokafka.AIOKafkaConsumer, partitions: set[TopicPartition]) -> Fetch:
    """What comes next, as soon as any position has moved; nothing if only markers were passed."""
    before = {partition: await consumer.position(partition) for partition in partitions}
    while True:
        fetched: Fetch = await consumer.getmany(*partitions, timeout_ms=READ_LIMIT_MS)
        if fetched or before != {partition: await consumer.position(partition) for partition in partitions}:
            return fetched


async def _unfinished(
    consumer: aiokafka.AIOKafkaConsumer, partitions: set[TopicPartition], ends: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    return {partition for partition in partitions if await consumer.position(partition) < ends[partition]}


def _consumer(bootstrap_servers: str) -> BatchConsumer:
    return BatchConsumer(
        **clients.to_kafka(bootstrap_servers),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
    )


async def _ends(bootstrap_servers: str, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Where the logs end, with what isn't committed yet: a consumer of committed records would stop before that."""
    asker = aiokafka.AIOKafkaConsumer(**clients.to_kafka(bootstrap_servers), group_id=None)
    asker.assign(list(partitions))  # else it would know their leaders only after a second
    asker.pause(*partitions)
    async with asker:
        ends: Mapping[TopicPartition, int] = await asker.end_offsets(partitions)
        return ends


async def _seek(consumer: aiokafka.AIOKafkaConsumer, positions: Mapping[Place, int | None]) -> None:
    """To these offsets; where there is none, to the oldest record there is."""
    for place, position in positions.items():
        if position is not None:
            consumer.seek(TopicPartition(*place), position)
    fresh = [TopicPartition(*place) for place, position in positions.items() if position is None]
    if fresh:
        await consumer.seek_to_beginning(*fresh)


async def _start(consumer: aiokafka.AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
    consumer.assign(list(partitions))
    await consumer.start()
