"""The load of a recovery run: a state for each of many customers, then a steady stream; and when commits are seen."""

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count, pairwise

import aiokafka
import msgspec
from aiokafka import TopicPartition

from agents.demo.generator import SourceRecord
from bench import load
from streams import topics
from streams.events import CardTransaction

TOPIC = "card-transactions"
FILLED = 3  # transactions of each customer, before the faults
FILL_STEP = 50_000
SLICE_SECONDS = 0.05
CARDS_DAY_MS = 86_400_000


def fill(customers: int) -> Iterator[list[SourceRecord]]:
    """A few transactions of every customer, in slices."""
    now_ms = time.time_ns() // 1_000_000
    for turn in range(FILLED):
        at_ms = now_ms - (FILLED - turn) * CARDS_DAY_MS
        for first in range(0, customers, FILL_STEP):
            last = min(customers, first + FILL_STEP)
            yield [_transaction(f"fill-{turn}-{number}", number, at_ms) for number in range(first, last)]


def _transaction(identifier: str, customer: int, at_ms: int) -> SourceRecord:
    name = f"customer-{customer:07}"
    event = CardTransaction(
        id=identifier,
        customer=name,
        at_ms=at_ms,
        card=f"card-{customer:07}",
        amount_minor=1_000 + customer % 5_000,
        currency="EUR",
        merchant=f"merchant-{customer % 997}",
    )
    return SourceRecord(TOPIC, name, msgspec.Raw(msgspec.json.encode(event)), at_ms)


@asynccontextmanager
async def steady(kafka: str, customers: int, per_second: int) -> AsyncIterator[None]:
    """Meanwhile, so many card transactions come in each second, of all customers in turn."""
    sending = asyncio.ensure_future(_send(kafka, customers, per_second))
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        if not sending.cancelled():
            sending.result()


async def _send(kafka: str, customers: int, per_second: int) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        began_at = time.monotonic()
        for number in count():
            await asyncio.sleep(max(0.0, began_at + number / per_second - time.monotonic()))
            customer = number * 7919 % customers  # a prime: neighbours are of different partitions
            record = _transaction(f"live-{began_at}-{number}", customer, time.time_ns() // 1_000_000)
            place = load.partition(record.key)
            await producer.send(TOPIC, bytes(record.value), key=record.key.encode(), partition=place)


class Commits:
    """When a commit of the decide stage was seen, by partition: each changes state, and so writes the changelog."""

    def __init__(self) -> None:
        self._seen: dict[int, list[float]] = {number: [] for number in range(topics.PARTITIONS)}

    async def watch(self, kafka: str) -> None:
        """Look for ever."""
        places = [TopicPartition(topics.CHANGELOG.name, number) for number in self._seen]
        async with aiokafka.AIOKafkaConsumer(
            bootstrap_servers=kafka, isolation_level="read_committed", fetch_max_wait_ms=10, auto_offset_reset="latest"
        ) as consumer:
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            while True:
                fetched = await consumer.getmany(timeout_ms=100)
                now = time.monotonic()
                for place in fetched:
                    self._seen[place.partition].append(now)

    def moved_since(self, since: float) -> bool:
        """Whether every partition has had a commit since then (monotonic seconds)."""
        return all(seen and seen[-1] > since for seen in self._seen.values())

    def first_since(self, since: float) -> list[float | None]:
        """Per partition, how long after that a commit was first seen, in seconds; None where none was."""
        firsts = (next((at for at in seen if at > since), None) for _, seen in sorted(self._seen.items()))
        return [None if at is None else at - since for at in firsts]

    def longest_gaps(self, since: float, until: float) -> list[float]:
        """Per partition, the longest time without a commit that began or ended in between, in seconds."""
        return [_longest_gap(seen, since, until) for _, seen in sorted(self._seen.items())]


def _longest_gap(seen: list[float], since: float, until: float) -> float:
    first, last = max(0, bisect_right(seen, since) - 1), bisect_left(seen, until)
    return max((after - before for before, after in pairwise([*seen[first:last], until])), default=until - since)
