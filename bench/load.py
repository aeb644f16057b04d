"""Fills the source topics before a run, and reads the topics back after it."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import lru_cache

import aiokafka
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.partitioner import murmur2

from agents.demo.generator import SourceRecord
from agents.kafka_log import append_batches
from agents.unit_of_work import Place, Record
from streams import topics

READ_LIMIT_MS = 200


async def fill(kafka: str, records: Iterable[SourceRecord]) -> dict[Place, int]:
    """Append all records; returns how many are at each place."""
    by_place: dict[Place, list[Record]] = {}
    for record in records:
        place = Place(record.topic, partition(record.key))
        by_place.setdefault(place, []).append(Record(record.key.encode(), bytes(record.value)))
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=1 << 20
    ) as producer:
        for place, some in by_place.items():
            await asyncio.gather(*await append_batches(producer, place, some))
    return {place: len(some) for place, some in by_place.items()}


@lru_cache(1 << 18)
def partition(key: str) -> int:
    """The key's partition, as the Java client has it."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % topics.PARTITIONS


async def read_all(kafka: str, names: Sequence[str]) -> dict[Place, list[ConsumerRecord]]:
    """Every committed record of these topics, in order at each place."""
    places = [TopicPartition(name, number) for name in names for number in range(topics.PARTITIONS)]
    found: dict[Place, list[ConsumerRecord]] = {Place(*place): [] for place in places}
    async with aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for place, records in (await consumer.getmany(timeout_ms=READ_LIMIT_MS)).items():
                found[Place(*place)] += records
    return found
