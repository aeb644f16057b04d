"""Time as journal entries: the worker that owns a partition appends its ticks.

In service a tick says the wall clock's time. In a demo it says the newest event time that the partition has seen, less
an allowance for sources that are read at different speeds. Ticks of two owners or a wrong clock do no harm: one that
isn't later than the last is ignored, and any decision follows from the journal alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import aiokafka

from agents import clients
from agents.decide import DecideWork
from agents.kafka_log import RETRY_BACKOFF_MS
from streams import topics
from streams.journal import Tick, encode_entry
from streams.trigger import milliseconds

INTERVAL_SECONDS = 1.0
# A tick fires a bounded number of customers: more ticks while some are left. And where time flies, as in a demo, a
# second would be weeks.
SHORT_INTERVAL_SECONDS = 0.1
EVENT_STEP_MS = 6 * 3_600_000  # event time flies: ticks in between let things fall due near their time
Clock = Callable[[DecideWork, int], Iterable[int]]


def wall_clock(_: DecideWork, last_ms: int) -> Iterable[int]:
    """A tick with the time now, in milliseconds since the epoch, if that is later than the last."""
    now_ms = time.time_ns() // 1_000_000
    return (now_ms,) if now_ms > last_ms else ()


def no_clock(_: DecideWork, __: int) -> Iterable[int]:
    """No ticks: they are appended by whoever plays recorded events."""
    return ()


def event_clock(allowance: timedelta) -> Clock:
    """A clock that follows the partition's newest event, `allowance` behind, in whole steps."""
    behind_ms = milliseconds(allowance)

    def ticks(work: DecideWork, last_ms: int) -> Iterable[int]:
        if work.newest_event_at_ms < 0:
            return ()
        reached_ms = work.newest_event_at_ms - behind_ms
        last_ms = last_ms if last_ms > 0 else reached_ms - EVENT_STEP_MS
        return range(last_ms + EVENT_STEP_MS, reached_ms + 1, EVENT_STEP_MS)

    return ticks


class Ticker:
    """Appends ticks to the journal partitions whose decide stages `works` holds, while these are recovered."""

    def __init__(self, kafka: str, recovered: asyncio.Event, works: Mapping[int, DecideWork], clock: Clock) -> None:
        self._kafka = kafka
        self._recovered = recovered
        self._decides = works
        self._clock = clock
        self._sent: dict[int, int] = {}

    async def run(self) -> None:
        """Tick for ever."""
        async with aiokafka.AIOKafkaProducer(
            **clients.to_kafka(self._kafka), enable_idempotence=True, retry_backoff_ms=RETRY_BACKOFF_MS
        ) as producer:
            while True:
                flies = await self._tick(producer)
                overdue = any(work.partition.overdue for work in self._works())
                await asyncio.sleep(SHORT_INTERVAL_SECONDS if overdue or flies else INTERVAL_SECONDS)

    async def _tick(self, producer: aiokafka.AIOKafkaProducer) -> bool:
        """Append what is due; whether time flies: a partition was several ticks behind."""
        acknowledged, flies = [], False
        for work in self._works():
            last_ms = max(self._sent.get(work.number, -1), work.partition.clock_ms)
            ticks = list(self._clock(work, last_ms))
            flies |= len(ticks) > 1
            for at_ms in ticks:
                self._sent[work.number] = at_ms
                value = encode_entry(Tick(at_ms))
                acknowledged.append(await producer.send(topics.JOURNAL.name, value, partition=work.number))
        await asyncio.gather(*acknowledged)
        return flies

    def _works(self) -> list[DecideWork]:
        return list(self._decides.values()) if self._recovered.is_set() else []
