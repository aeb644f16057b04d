"""From the start of a worker process to its first committed batch, with a changelog full of customers.

The changelog is written as workers would have left it; then a worker is started, and events come in meanwhile.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import aiokafka
from aiokafka.partitioner import murmur2
from msgspec import Struct

from agents import settings, stack
from agents.kafka_log import append_batches
from agents.unit_of_work import Place, Record
from bench import page
from bench.latency import sites
from bench.members import lines
from bench.processes import cpu_seconds, resident_bytes, workers
from bench.recovery_load import Commits, steady
from bench.scaling import templates
from bench.scaling.templates import Templates
from streams import topics

STEP = 20_000  # customers written at once
PER_SECOND = 200
STEADY_CUSTOMERS_MIN = 100  # of all partitions
WATCH_SECONDS = 2.0
RECOVERED_SECONDS_MAX = 300.0
POLL_SECONDS = 0.05
TICKS = "event-time:P3650D"  # the states' own time is long past; nothing shall fall due at once
TOLD = ("serving", "partitions_assigned", "ready")


class Recovered(Struct, frozen=True):
    """One start. Times in seconds from the start of the process.

    Attributes:
        records: in the changelog, those overwritten by later ones included.
        first_seconds: until the first partition's first commit; all_seconds: until every partition had one.
        told_seconds: when the worker logged its steps.
        worker_cpu_seconds: of the worker, until then.
        resident_bytes: of the worker, then.
    """

    customers: int
    records: int
    changelog_bytes: int
    first_seconds: float
    all_seconds: float
    told_seconds: dict[str, float]
    worker_cpu_seconds: float
    resident_bytes: int
    load: float


async def measure(known: Templates, customers: int, writes: int, *, in_files: bool) -> Recovered:
    """Start a worker on so many customers, each written so many times."""
    with stack.running() as servers:
        await sites.prepare(servers)
        changelog_bytes = await write(servers.kafka, known, customers, writes)
        commits = Commits()
        watching = asyncio.ensure_future(commits.watch(servers.kafka))
        try:
            async with steady(servers.kafka, max(STEADY_CUSTOMERS_MIN, customers), PER_SECOND):
                await asyncio.sleep(WATCH_SECONDS)
                size = (customers, customers * writes, changelog_bytes)
                return await _start(servers, commits, *size, in_files=in_files)
        finally:
            watching.cancel()


async def _start(  # noqa: PLR0913 - each is one thing to tell of the start
    servers: stack.Stack, commits: Commits, customers: int, records: int, changelog_bytes: int, *, in_files: bool
) -> Recovered:
    addresses = {settings.KAFKA: servers.kafka, settings.REDIS: servers.redis, settings.TICKS: TICKS}
    if in_files:
        addresses[settings.STATE_DIRECTORY] = str(servers.folder)
    began, began_at = datetime.now(UTC), time.monotonic()
    with workers(1, servers.folder, addresses) as running:
        async with asyncio.timeout(RECOVERED_SECONDS_MAX):
            while None in (firsts := commits.first_since(began_at)):
                running.require_running()
                await asyncio.sleep(POLL_SECONDS)
        seconds = [first for first in firsts if first is not None]
        told = {line["event"]: round((at - began).total_seconds(), 2) for at, line in lines(running.logs[0], began)}
        return Recovered(
            customers=customers,
            records=records,
            changelog_bytes=changelog_bytes,
            first_seconds=round(min(seconds), 2),
            all_seconds=round(max(seconds), 2),
            told_seconds={event: told[event] for event in TOLD if event in told},
            worker_cpu_seconds=round(cpu_seconds(running.pids), 2),
            resident_bytes=resident_bytes(running.pids),
            load=page.load_average(),
        )


async def write(kafka: str, known: Templates, customers: int, writes: int) -> int:
    """The changelog of these customers; returns how many bytes of states it holds."""
    counts, sizes = [0] * topics.PARTITIONS, [0] * topics.PARTITIONS
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=1 << 20
    ) as producer:
        for turn in range(writes):
            for first in range(0, customers, STEP):
                states = templates.states(known, range(first, min(customers, first + STEP)))
                placed = _by_partition(states)
                await _append(producer, placed)
                for number, some in enumerate(placed if turn == 0 else ()):
                    counts[number] += len(some)
                    sizes[number] += sum(len(record.value or b"") for record in some)
        own = [
            [Record(*one) for one in templates.own_records(known, count, size).items()]
            for count, size in zip(counts, sizes, strict=True)
        ]
        await _append(producer, own)
    return sum(sizes) * writes


def _by_partition(states: Mapping[bytes, bytes]) -> list[list[Record]]:
    placed: list[list[Record]] = [[] for _ in range(topics.PARTITIONS)]
    for key, blob in states.items():
        placed[(murmur2(key) & 0x7FFFFFFF) % topics.PARTITIONS].append(Record(key, blob))
    return placed


async def _append(producer: aiokafka.AIOKafkaProducer, placed: Sequence[list[Record]]) -> None:
    for number, some in enumerate(placed):
        if some:
            await asyncio.gather(*await append_batches(producer, Place(topics.CHANGELOG.name, number), some))
