"""aiokafka's clients, as far as ours use them, on the log in memory. What they promise is in the contract suite."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.structs import OffsetAndMetadata
from aiokafka.util import commit_structure_validate

from agents import group_positions, kafka_log, kafka_reader, topic_admin
from agents.unit_of_work import Place, Record
from tests.simulation.cluster import Cluster, Stored

RECORD_BYTES_MAX = 1_048_588
RECORDS_FETCHED_MAX = 9


async def _at_once(_: str) -> None:
    """Without a simulation nothing waits."""


class Client(msgspec.Struct, eq=False):
    """A process's way to the cluster; it stands where production has the broker's address.

    Attributes:
        world: awaited wherever a process would wait for the network.
        fate: what becomes of a request: None, or the error that its sender gets.
        later: takes a commit whose sender heard nothing; the network may still deliver it.
        room: how many records a fetch brings.
        woken: futures of fetches that wait for records.
    """

    cluster: Cluster
    world: Callable[[str], Awaitable[None]] = _at_once
    fate: Callable[[str], Exception | None] = lambda _: None
    later: Callable[[Callable[[], None]], None] = lambda _: None
    room: Callable[[], int] = lambda: RECORDS_FETCHED_MAX
    woken: list[asyncio.Future[None]] = msgspec.field(default_factory=list)

    def wake(self) -> None:
        """There is more to read."""
        woken, self.woken = self.woken, []
        for future in woken:
            if not future.done():
                future.set_result(None)


class Batch:
    """Records on their way to one place. It takes anything, like the real one while it is empty."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, *, key: Any, value: Any, timestamp: None, headers: Any) -> int:  # noqa: ARG002 - its signature
        self.records.append(Record(key, value, headers))
        return len(self.records)


def fill(batch: Batch, records: Sequence[Record], first: int) -> int:
    """All of them fit."""
    batch.records += records[first:]
    return len(records)


class Producer:
    """A transactional producer; like aiokafka's, its commit doesn't notice an append that failed."""

    def __init__(self, *, bootstrap_servers: Client, transactional_id: str, **_: object) -> None:
        self._client = bootstrap_servers
        self._cluster = bootstrap_servers.cluster
        self._owner = transactional_id
        self._epoch = -1

    async def start(self) -> None:
        await self._client.world(f"fence {self._owner}")
        self._epoch = self._cluster.fence(self._owner)
        await self._client.world("fenced")

    async def stop(self) -> None:
        await self._client.world("stop")

    async def begin_transaction(self) -> None:
        await self._client.world("begin")

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[None]:
        await self._client.world(f"append {topic}/{partition}")
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        error = self._client.fate("append") or _refusal(topic, batch)
        if error is not None:
            sent.set_exception(error)
            sent.exception()  # whoever doesn't look doesn't hear of it
            return sent
        self._cluster.append(self._owner, self._epoch, Place(topic, partition), batch.records)
        sent.set_result(None)
        return sent

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        await self._client.world("positions")
        if error := self._client.fate("positions"):
            raise error
        known = commit_structure_validate(offsets)
        positions = {Place(*place): position for place, position in known.items()}
        self._cluster.add_positions(self._owner, self._epoch, group, positions)

    async def commit_transaction(self) -> None:
        await self._client.world(f"commit {self._owner}")
        if error := self._client.fate("commit"):
            self._client.later(self._commit)
            raise error
        self._commit()
        await self._client.world("committed")
        if error := self._client.fate("answer"):
            raise error

    def _commit(self) -> None:
        self._cluster.commit(self._owner, self._epoch)


async def ends(client: Client, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Where logs end, with what isn't decided yet."""
    await client.world("ends")
    return {partition: len(client.cluster.places.get(Place(*partition), ())) for partition in partitions}


class Consumer:
    """A reader of committed records, in no group."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cluster = client.cluster
        self._positions: dict[TopicPartition, int] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._stopped = False

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._positions = dict.fromkeys(sorted(partitions), 0)

    async def start(self) -> None:
        await self._client.world("connect")

    async def stop(self) -> None:
        self._stopped = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def seek(self, partition: TopicPartition, position: int) -> None:
        self._positions[partition] = position

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self._positions |= dict.fromkeys(partitions, 0)

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        await self._client.world("ends")
        return {partition: self._cluster.ends.get(partition, 0) for partition in partitions}

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Stored]]:  # noqa: ARG002 - its signature
        while not self._moves(partitions):
            self._waiting = asyncio.get_running_loop().create_future()
            self._client.woken.append(self._waiting)
            await self._waiting
        await self._client.world("fetch")
        if self._stopped:
            raise ConsumerStoppedError
        return {one: records for one in sorted(partitions) if (records := self._fetch(one))}

    def _moves(self, partitions: tuple[TopicPartition, ...]) -> bool:
        ends, positions = self._cluster.ends, self._positions
        return self._stopped or any(one in ends and ends[one] > positions[one] for one in partitions)

    def _fetch(self, partition: TopicPartition) -> list[Stored]:
        end, position = self._cluster.ends.get(partition, 0), self._positions[partition]
        if end <= position:
            return []
        self._positions[partition] = end = min(end, position + self._client.room())
        return self._cluster.committed(Place(*partition), position, end)


class Admin:
    """Asks for a group's committed offsets, and for the topics that there are."""

    def __init__(self, *, bootstrap_servers: Client, **_: object) -> None:
        self._client = bootstrap_servers

    async def start(self) -> None:
        await self._client.world("connect")

    async def close(self) -> None:
        """Nothing to close."""

    async def list_consumer_group_offsets(
        self, group: str, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        await self._client.world("offsets")
        if self._client.fate("offsets"):  # as of a coordinator that has lost its memory, and says so of no group
            return {one: OffsetAndMetadata(-1, "") for one in partitions}
        positions, notes = self._client.cluster.positions, self._client.cluster.notes
        keys = {one: (group, Place(*one)) for one in partitions}
        return {one: OffsetAndMetadata(positions.get(key, -1), notes.get(key, "")) for one, key in keys.items()}

    async def describe_topics(self) -> list[dict[str, Any]]:
        counts = self._client.cluster.counts
        return [{"topic": topic, "partitions": range(count)} for topic, count in counts.items()]


@contextmanager
def installed() -> Iterator[None]:
    """Our own clients (`agents.kafka_log`, `agents.kafka_reader`) get these instead of aiokafka's."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(kafka_log, "aiokafka", SimpleNamespace(AIOKafkaProducer=Producer)))
        stack.enter_context(patch.object(kafka_log, "fill", fill))
        stack.enter_context(patch.object(kafka_reader, "_consumer", Consumer))
        stack.enter_context(patch.object(kafka_reader, "_ends", ends))
        stack.enter_context(patch.object(group_positions, "AIOKafkaAdminClient", Admin))
        stack.enter_context(patch.object(topic_admin, "AIOKafkaAdminClient", Admin))
        yield


def _refusal(topic: str, batch: Batch) -> Exception | None:
    """What a broker refuses: a record that is too large, and on a compacted topic one without a key."""
    if any(len(one.value or b"") > RECORD_BYTES_MAX for one in batch.records):
        return MessageSizeTooLargeError()
    if topic.endswith("changelog") and any(one.key is None for one in batch.records):
        return KafkaTimeoutError()
    return None
