"""CPU of the whole pipeline: loaded topics, real workers, real Kafka, real Redis, until all is decided."""

import asyncio
import time
from collections.abc import Sequence

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct
from redis.asyncio import Redis

from agents import config_apply, settings, stack, topic_admin
from agents.demo.generator import SourceRecord
from agents.stack.process import free_port
from agents.unit_of_work import Place
from bench import check, load
from bench.calibration import kernel_us
from bench.data import customers_of
from bench.processes import Workers, cpu_seconds, resident_bytes, workers
from streams import topics
from streams.config import Config

POLL_SECONDS = 0.1
RUN_SECONDS_MAX = 600.0
VIEWS_SECONDS_MAX = 10.0
JOIN_DELAY_MS = "1000"  # workers that start together get their partitions together


class Run(Struct):
    """One run. CPU is user and system, from the first worker's readiness until all is decided, in seconds.

    `faults` says what was wrong with the output: then the run has no speed.
    """

    part: str
    workers: int
    views: bool
    events: int
    worker_seconds: float
    kafka_seconds: float
    redis_seconds: float
    wall_seconds: float
    resident_bytes: int
    decisions: int
    kernel_us: float
    faults: list[str]


class _Usage(Struct):
    workers: float
    kafka: float
    redis: float
    at: float


async def measure(records: Sequence[SourceRecord], rules: Config, *, count: int, views: bool) -> Run:
    """Run `count` workers over these records on a fresh Kafka and Redis."""
    kernel = kernel_us()
    with stack.running(kafka_properties={"group.initial.rebalance.delay.ms": JOIN_DELAY_MS}) as servers:
        await topic_admin.create(servers.kafka)
        await config_apply.append(servers.kafka, rules, 0)
        sources = await load.fill(servers.kafka, records)
        redis = servers.redis if views else f"redis://127.0.0.1:{free_port()}/0"
        addresses = {settings.KAFKA: servers.kafka, settings.REDIS: redis}
        with workers(count, servers.folder, addresses) as running:
            running.wait_until_ready()
            before = _usage(running, servers)
            await _drained(servers.kafka, sources, running)
            faults = await _shown(servers.redis, customers_of(records)) if views else []
            after = _usage(running, servers)
            memory = resident_bytes(running.pids)
        positions = await _positions(servers.kafka)
        output = await load.read_all(servers.kafka, check.CHECKED)
    return Run(
        part=f"pipeline, {count} worker{'s' * (count > 1)}, views {'on' if views else 'off'}",
        workers=count,
        views=views,
        events=len(records),
        worker_seconds=after.workers - before.workers,
        kafka_seconds=after.kafka - before.kafka,
        redis_seconds=after.redis - before.redis,
        wall_seconds=after.at - before.at,
        resident_bytes=memory,
        decisions=sum(len(some) for place, some in output.items() if place.topic == topics.DECISIONS.name),
        kernel_us=(kernel + kernel_us()) / 2,
        faults=faults + check.faults(sources, output, positions),
    )


def _usage(running: Workers, servers: stack.Stack) -> _Usage:
    kafka, redis = (cpu_seconds([servers.pids[name]]) if name in servers.pids else 0.0 for name in ("kafka", "redis"))
    return _Usage(cpu_seconds(running.pids), kafka, redis, time.monotonic())


async def _drained(kafka: str, sources: dict[Place, int], running: Workers) -> None:
    """Wait until all sources are taken in, and the journal is applied as far as it reached then."""
    places = [TopicPartition(*place) for place in sources]
    journal = _journal()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        async with asyncio.timeout(RUN_SECONDS_MAX):
            await _reached(admin, {place: sources[Place(*place)] for place in places}, running)
            async with aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
                ends = await consumer.end_offsets(journal)
            marker = 1  # a transaction's end takes up the last offset, unless a tick came after it
            await _reached(admin, {place: end - marker for place, end in ends.items()}, running)
    finally:
        await admin.close()


async def _reached(admin: AIOKafkaAdminClient, goals: dict[TopicPartition, int], running: Workers) -> None:
    while True:
        committed = await admin.list_consumer_group_offsets(topics.APP, partitions=list(goals))
        goals = {
            place: goal for place, goal in goals.items() if place not in committed or committed[place].offset < goal
        }
        if not goals:
            return
        running.require_running()
        await asyncio.sleep(POLL_SECONDS)


async def _shown(redis: str, customers: int) -> list[str]:
    """Wait until every customer has a view; what is wrong if that takes too long."""
    deadline = time.monotonic() + VIEWS_SECONDS_MAX
    async with Redis.from_url(redis) as client:
        while True:
            found = await client.dbsize() - 1  # one key is the leases'
            if found >= customers:
                return []
            if time.monotonic() > deadline:
                return [f"{max(found, 0)} of {customers} customers have a view"]
            await asyncio.sleep(POLL_SECONDS)


async def _positions(kafka: str) -> dict[int, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(topics.APP, partitions=_journal())
    finally:
        await admin.close()
    return {place.partition: metadata.offset for place, metadata in committed.items()}


def _journal() -> list[TopicPartition]:
    return [TopicPartition(topics.JOURNAL.name, number) for number in range(topics.PARTITIONS)]
