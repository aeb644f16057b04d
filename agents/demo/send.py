"""Sending generated records to the source topics, at speed but never far ahead of the workers.

Topics are read at different speeds, so in a run at high speed events of one topic may reach the journal weeks of event
time before those of another. Records go out in slices, and a slice waits until the one before the last is taken in:
then nothing is ever more than `SLICES_AHEAD` slices ahead of anything else, and ticks that stay that far behind are
right.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from itertools import islice

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import murmur2

from agents.demo.generator import SourceRecord
from agents.demo.timeline import END_MS, START_MS
from agents.kafka_log import append_batches
from agents.unit_of_work import Place, Record
from streams import topics

SLICES = 300  # of the whole: so small that ticks follow closely, large enough for speed
SLICES_AHEAD = 2
POLL_SECONDS = 0.02
# How far ticks must stay behind the newest event; one slice more than is ahead, since slices aren't equally long.
ALLOWANCE = timedelta(milliseconds=(END_MS - START_MS) // SLICES * (SLICES_AHEAD + 1))
Reached = dict[TopicPartition, int]


async def send(kafka: str, records: Iterable[SourceRecord], events: int, progress: Callable[[int], object]) -> None:
    """Send all records, `events` of them about, and wait until all are taken in; `progress` hears how many are out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    count, ends = 0, []
    try:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
            for some in _slices(records, max(1, events // SLICES)):
                ends.append(await _send_slice(producer, some))
                count += len(some)
                progress(count)
                if len(ends) >= SLICES_AHEAD:
                    await _taken_in(admin, ends.pop(0))
        for end in ends:
            await _taken_in(admin, end)
    finally:
        await admin.close()


def _slices(records: Iterable[SourceRecord], size: int) -> Iterator[list[SourceRecord]]:
    source = iter(records)
    while some := list(islice(source, size)):
        yield some


async def _send_slice(producer: aiokafka.AIOKafkaProducer, records: list[SourceRecord]) -> Reached:
    """Send records, each partition's in order; returns where each then ends (nobody else writes there)."""
    batches: dict[Place, list[Record]] = {}
    for record in records:
        key = record.key.encode()
        place = Place(record.topic, _number(key))
        batches.setdefault(place, []).append(Record(key, bytes(record.value)))
    sent = {place: await append_batches(producer, place, some) for place, some in batches.items()}
    ends = {}
    for place, acknowledgements in sent.items():
        first = await acknowledgements[0]
        await asyncio.gather(*acknowledgements)
        ends[TopicPartition(*place)] = first.offset + len(batches[place])
    return ends


@lru_cache(1 << 16)
def _number(key: bytes) -> int:
    """The key's partition, as the Java client has it."""
    return int(murmur2(key) & 0x7FFFFFFF) % topics.PARTITIONS


async def _taken_in(admin: AIOKafkaAdminClient, reached: Reached) -> None:
    """Wait until the workers have committed up to there."""
    while reached:
        committed = await admin.list_consumer_group_offsets(topics.APP, partitions=list(reached))
        reached = {place: end for place, end in reached.items() if _offset(committed, place) < end}
        if reached:
            await asyncio.sleep(POLL_SECONDS)


def _offset(committed: dict[TopicPartition, aiokafka.structs.OffsetAndMetadata], place: TopicPartition) -> int:
    found = committed.get(place)
    return -1 if found is None else int(found.offset)
