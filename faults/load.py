"""The load: generated records with unreadable ones among them, sent slice by slice for as long as faults go on."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, count, islice
from random import Random

import aiokafka
import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agents.demo.generator import SourceRecord, generate
from agents.demo.poison import SPOILERS
from agents.demo.send import send_records
from streams import topics
from streams.dead_letters import Reason

SLICES_AHEAD = 2
CLIENT = "faults-load"
POLL_SECONDS = 0.1  # each look is by a new client, and all groups look: more often, a core would do nothing else
TAKEN_IN_SECONDS_MAX = 60.0
GROWTH_SEEN_MS_MAX = 1_000  # a source that grew gets records in its new partitions soon
PATIENCE_MS = 180_000  # longer than any outage here: the load waits, it never gives up
OVERSIZE_BYTES = 700_000  # above what the intake takes, below what the broker takes
DEPTH = 200
POISON_ONE_IN = 100
Spoil = Callable[[bytes], bytes]
MORE_SPOILERS: dict[Reason, Spoil] = {
    "oversize": lambda value: _with_field(value, b'"note":"' + b"x" * OVERSIZE_BYTES + b'"'),
    "nested_too_deep": lambda value: _with_field(value, b'"note":' + b"[" * DEPTH + b"]" * DEPTH),
    "wrong_type": lambda value: _replaced(value, b'"customer":"', b'"customer":7,"name":"'),
    "event_time_in_future": lambda value: _replaced(value, b'"at_ms":', b'"at_ms":9'),
}
OVERSIZE_ONE_IN = 20  # of the unreadable ones: they are a hundred times larger


class Records:
    """Records without end. One in a hundred is followed by a spoilt copy; `reasons` says which are out.

    After about `events` their time begins again, as when a source sends an old file once more.

    `one_customer`: half of all events become one customer's.
    """

    def __init__(self, events: int, seed: int, *, one_customer: bool = False) -> None:
        self.reasons: Counter[str] = Counter()
        self._random = Random(f"{seed}/poison")
        self._records = chain.from_iterable(generate(events, seed + again).records for again in count())
        self._one_customer = one_customer

    def __iter__(self) -> Iterator[SourceRecord]:
        """Read it once, and not to its end: there is none."""
        for number, record in enumerate(self._records, start=1):
            yield self._moved(record) if self._one_customer and number % 2 else record
            if number % POISON_ONE_IN == 0:
                yield self._spoilt(record)

    def _moved(self, record: SourceRecord) -> SourceRecord:
        event = msgspec.json.decode(record.value)
        value = msgspec.json.encode({**event, "customer": "customer-of-half"})
        return SourceRecord(record.topic, record.key, msgspec.Raw(value), record.timestamp)

    def _spoilt(self, record: SourceRecord) -> SourceRecord:
        reasons: list[Reason] = [*SPOILERS, *MORE_SPOILERS]
        reason = self._random.choice(reasons)
        if reason == "oversize" and self._random.randrange(OVERSIZE_ONE_IN):
            reason = "empty"
        self.reasons[reason] += 1
        value = (SPOILERS | MORE_SPOILERS)[reason](bytes(record.value))
        return SourceRecord(record.topic, record.key, msgspec.Raw(value), record.timestamp)


class Load:
    """Sends until `stop`, a slice whenever one is `asked` for or the last is `pause_seconds` ago."""

    def __init__(self, kafka: str, records: Records, *, slice_records: int, pause_seconds: float) -> None:
        self.sent = 0
        self._kafka = kafka
        self._records = records
        self._source = iter(records)
        self._slice_records = slice_records
        self._pause_seconds = pause_seconds
        self._ends: dict[TopicPartition, int] = {}
        self._waiting: list[dict[TopicPartition, int]] = []
        self._asked = asyncio.Event()
        self._went = asyncio.Condition()
        self._stopped = False
        self._piling_up = False

    async def run(self) -> None:
        """Send until told to stop; at least one slice."""
        async with aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            client_id=CLIENT,
            enable_idempotence=True,
            request_timeout_ms=PATIENCE_MS,
            metadata_max_age_ms=GROWTH_SEEN_MS_MAX,
            retry_backoff_ms=500,
        ) as producer:
            while not self._stopped:
                self._asked.clear()
                await self._send_slice(producer)
                async with self._went:
                    self._went.notify_all()
                while len(self._waiting) >= SLICES_AHEAD and not self._piling_up:
                    await self._taken_in(self._waiting.pop(0))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), self._pause_seconds)

    def forgo(self, reasons: Counter[str]) -> None:
        """Unreadable ones among the records that were removed before anybody read them: no dead letters of theirs."""
        self._records.reasons -= reasons

    def stop(self) -> None:
        """This slice is the last."""
        self._stopped = True
        self._asked.set()

    async def until_in_flight(self) -> int:
        """How many records are out that no worker has taken in yet; asks for more if there are none."""
        while not (count := await self.in_flight()):
            await self.another()
        return count

    async def another(self) -> None:
        """Send one more slice, as soon as the workers keep up."""
        async with self._went:
            self._asked.set()
            await self._went.wait()

    async def pile_up(self, records: int) -> None:
        """Send so many more, whether anybody takes them in or not."""
        enough, self._piling_up = self.sent + records, True
        try:
            while self.sent < enough:
                await self.another()
        finally:
            self._piling_up = False

    async def until_taken_in(self) -> None:
        """Return when the workers have taken in all that is out by now."""
        left = dict(self._ends)
        while left := await self._left(left):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(POLL_SECONDS)

    async def in_flight(self) -> int:
        """Source records sent and not yet committed by the workers; as last known where the broker is away."""
        try:
            async with asyncio.timeout(2.0):
                committed = await _committed(self._kafka, list(self._ends))
        except (KafkaError, TimeoutError):
            return sum(len(ends) for ends in self._waiting)
        return sum(max(0, end - max(0, committed.get(place, 0))) for place, end in self._ends.items())

    async def committed(self) -> int:
        """How many source records the workers have taken in; -1 where nobody can tell now."""
        try:
            async with asyncio.timeout(2.0):
                return sum((await _committed(self._kafka, list(self._ends))).values())
        except (KafkaError, TimeoutError):
            return -1

    async def until_progress(self) -> None:
        """Return when the workers have taken in more than they had when this was called, or when it could be told."""
        while (since := await self.committed()) < 0:  # noqa: ASYNC110 - the event would be the broker's
            await asyncio.sleep(POLL_SECONDS)
        while await self.committed() <= since:
            await self.until_in_flight()
            await asyncio.sleep(POLL_SECONDS)

    async def _send_slice(self, producer: aiokafka.AIOKafkaProducer) -> None:
        some = list(islice(self._source, self._slice_records))
        ends = await send_records(producer, some)
        self._ends |= ends
        self._waiting.append(ends)
        self.sent += len(some)

    async def _taken_in(self, ends: dict[TopicPartition, int]) -> None:
        """Wait until the workers have committed up to there; if they lost some, the oracle will say so, not we."""
        left, deadline = dict(ends), time.monotonic() + TAKEN_IN_SECONDS_MAX
        while left and not self._stopped and not self._piling_up and time.monotonic() < deadline:
            if left := await self._left(left):
                await asyncio.sleep(POLL_SECONDS)

    async def _left(self, ends: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Those that the workers haven't committed up to; all of them where nobody can tell now."""
        try:
            async with asyncio.timeout(5.0):
                committed = await _committed(self._kafka, list(ends))
        except (KafkaError, TimeoutError):
            return ends
        return {place: end for place, end in ends.items() if committed.get(place, -1) < end}


async def _committed(kafka: str, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    """What the group has committed, by a client of this moment's: one that lived through an outage may not know it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, client_id=CLIENT, request_timeout_ms=2000)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(topics.APP, partitions=places)
    finally:
        await admin.close()
    return {place: metadata.offset for place, metadata in found.items()}


def _with_field(value: bytes, more: bytes) -> bytes:
    return value[:-1] + b"," + more + b"}"


def _replaced(value: bytes, old: bytes, new: bytes) -> bytes:
    """The value with its first `old` replaced; it must be there."""
    if old not in value:
        raise ValueError(f"expected {old!r} in a generated record")
    return value.replace(old, new, 1)
