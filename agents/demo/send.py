"""Sending generated records to the source topics at speed, a step of two days of the customers' time after the other.

Topics are read side by side, so at high speed events of one topic would reach the journal weeks of event time before
those of another. So the records of a step wait until those before are taken in, and the sender may say itself, in the
journal, that this time has passed: then everything is decided about when it would be in life, whatever the machine does
beside. In steps of three days, a case in some hundreds is decided too late; shorter steps take longer: each costs every
lane's transactions, however few its records. Who doesn't mind what is decided sends in longer ones.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import lru_cache
from itertools import groupby

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import murmur2

from agents import clients
from agents.clock import EVENT_STEP_MS
from agents.demo.generator import SourceRecord
from agents.demo.timeline import DAY_MS
from agents.group_positions import group_offsets
from agents.kafka_log import append_batches
from agents.unit_of_work import Place, Record
from streams import topics
from streams.journal import Tick, encode_entry

STEP_MS = 2 * DAY_MS
STEPS_AHEAD = 2
# How far the workers' own ticks must then stay behind the newest event.
ALLOWANCE = timedelta(milliseconds=STEP_MS * (STEPS_AHEAD + 1))
POLL_SECONDS = 0.01
Reached = dict[TopicPartition, int]


async def send(
    kafka: str, records: Iterable[SourceRecord], progress: Callable[[int], object], step_ms: int = STEP_MS
) -> None:
    """Send all records, never more than `STEPS_AHEAD` steps ahead of the workers; `progress` hears how many are out."""
    async with _clients(kafka) as (producer, admin):
        count, ends = 0, []
        for _, some in _steps(records, step_ms):
            ends.append(await send_records(producer, some))
            progress(count := count + len(some))
            if len(ends) == STEPS_AHEAD:
                await _taken_in(admin, ends.pop(0))
        for end in ends:
            await _taken_in(admin, end)


async def send_with_ticks(
    kafka: str, records: Iterable[SourceRecord], progress: Callable[[int], object], step_ms: int = STEP_MS
) -> None:
    """Send all records step by step, and after each step the ticks that say so; nobody else may tick meanwhile."""
    async with _clients(kafka) as (producer, admin):
        count = 0
        for step, some in _steps(records, step_ms):
            await _taken_in(admin, await send_records(producer, some))
            await _tick(producer, range(step * step_ms + EVENT_STEP_MS, (step + 1) * step_ms + 1, EVENT_STEP_MS))
            progress(count := count + len(some))


@asynccontextmanager
async def _clients(kafka: str) -> AsyncIterator[tuple[aiokafka.AIOKafkaProducer, AIOKafkaAdminClient]]:
    admin = AIOKafkaAdminClient(**clients.to_kafka(kafka))
    await admin.start()
    try:
        async with aiokafka.AIOKafkaProducer(**clients.to_kafka(kafka), enable_idempotence=True) as producer:
            yield producer, admin
    finally:
        await admin.close()


def _steps(records: Iterable[SourceRecord], step_ms: int) -> Iterator[tuple[int, list[SourceRecord]]]:
    """The records of each step in which some arrive; steps count from the epoch."""
    return ((step, list(some)) for step, some in groupby(records, lambda record: record.timestamp // step_ms))


async def send_records(producer: aiokafka.AIOKafkaProducer, records: Iterable[SourceRecord]) -> Reached:
    """Send records, each partition's in order; returns where each then ends (nobody else writes there)."""
    batches: dict[Place, list[Record]] = {}
    counts: dict[str, int] = {}
    for record in records:
        key = record.key.encode()
        count = counts.get(record.topic) or len(await producer.partitions_for(record.topic))
        counts[record.topic] = count
        place = Place(record.topic, partition_of(key, count))
        batches.setdefault(place, []).append(Record(key, bytes(record.value)))
    sent = {place: await append_batches(producer, place, some) for place, some in batches.items()}
    ends = {}
    for place, acknowledgements in sent.items():
        first = await acknowledgements[0]
        await asyncio.gather(*acknowledgements)
        ends[TopicPartition(*place)] = first.offset + len(batches[place])
    return ends


async def _tick(producer: aiokafka.AIOKafkaProducer, times_ms: Iterable[int]) -> None:
    ticks = [Record(None, encode_entry(Tick(at_ms))) for at_ms in times_ms]
    places = [Place(topics.JOURNAL.name, number) for number in range(topics.PARTITIONS)]
    sent = [await append_batches(producer, place, ticks) for place in places]
    await asyncio.gather(*(one for acknowledgements in sent for one in acknowledgements))


@lru_cache(1 << 16)
def partition_of(key: bytes, count: int = topics.PARTITIONS) -> int:
    """The key's partition in a topic with so many, as the Java client has it."""
    return int(murmur2(key) & 0x7FFFFFFF) % count


async def _taken_in(admin: AIOKafkaAdminClient, reached: Reached) -> None:
    """Wait until the workers have committed up to there."""
    while reached:
        committed = await group_offsets(admin, topics.APP, list(reached))
        reached = {
            place: end for place, end in reached.items() if place not in committed or committed[place].offset < end
        }
        if reached:
            await asyncio.sleep(POLL_SECONDS)
