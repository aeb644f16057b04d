"""Private parts of aiokafka that we override or lean on, all here and in `kafka_frames`. `tests/contract/` guards each.

aiokafka makes an object of eleven fields for each record read, and goes through four calls for each record appended:
most of what an event costs on its way. Here records stay as its parser made them, and go to its builder directly.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aiokafka
import aiokafka.conn
import aiokafka.producer.sender
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchError, FetchResult, PartitionRecords
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    IllegalOperation,
    InvalidTxnState,
    KafkaConnectionError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecord

from agents import checksums, kafka_frames
from agents.unit_of_work import Record

aiokafka.producer.sender.BACKOFF_OVERRIDE = 0.002  # seconds between transactions; 0.02 as shipped sets the latency
# A fetch costs client and broker a millisecond or more, however little it brings. Where much comes in they would follow
# each other without a pause, and take the cores that transactions need: docs/decisions/0015-fetches-gather.md.
GATHER_SECONDS = 0.005
LITTLE_BYTES = 4096
COORDINATOR_SECONDS = 1.0  # by then it has loaded some ten thousand offsets
MS_PER_SECOND = 1000
aiokafka.conn.AIOKafkaProtocol = kafka_frames.FrameProtocol
aiokafka.conn.AIOKafkaConnection._create_reader_task = kafka_frames.create_reader_task  # noqa: SLF001
UNKNOWN: int = UnknownTopicOrPartitionError.errno
_close = aiokafka.conn.AIOKafkaConnection.close


def close(connection: aiokafka.conn.AIOKafkaConnection, reason: object = None, exc: object = None) -> Awaitable[None]:
    """Close a connection without TLS' farewell: the event loop would wait 30 s for the broker's, at times in vain.

    A recovery or a rebalance waited with it. Whoever closes a connection has all the answers that matter.
    """
    writer, has_tls = connection._writer, connection._security_protocol.endswith("SSL")  # noqa: SLF001 - see above
    closed: Awaitable[None] = _close(connection, reason=reason, exc=exc)
    if writer is not None and has_tls and not connection._closed_fut.done():  # noqa: SLF001
        writer.transport.abort()
    return closed


aiokafka.conn.AIOKafkaConnection.close = close
_send = aiokafka.conn.AIOKafkaConnection.send


def send(connection: aiokafka.conn.AIOKafkaConnection, request: object, **options: object) -> Awaitable[Any]:
    """Send; where the transport was closed before aiokafka heard of it, fail in a way that it tries again after.

    It looks for `OSError`. uvloop raises `RuntimeError`, which ended the fetcher: the worker read nothing more.
    """
    try:
        answer: Awaitable[Any] = _send(connection, request, **options)
    except RuntimeError as error:
        connection.close(reason=aiokafka.conn.CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(str(error)) from error
    return answer


aiokafka.conn.AIOKafkaConnection.send = send
_commit_offsets = aiokafka.producer.sender.Sender._do_txn_offset_commit  # noqa: SLF001 - see above


async def commit_offsets(sender: aiokafka.producer.sender.Sender, offsets: object, group: str) -> None:
    """Commit a transaction's offsets only when all that was produced in it is acknowledged.

    A broker asks the transaction's coordinator before it takes either, and drops the question that still waits when a
    second comes of the same transaction: it answers `NotEnoughReplicas`, and the records are sent again after a pause.
    Source: `AddPartitionsToTxnManager.addTxnData` of Kafka 3.6 and later; apache/kafka#15559 tells how clients see it.

    Where the group's coordinator doesn't take them, it isn't asked again at once: one that loads the group after a
    crash may begin to load it anew with every write that comes too early (docs/operations.md).
    """
    await sender._message_accumulator.flush_for_commit()  # noqa: SLF001
    await _commit_offsets(sender, offsets, group)
    if sender._txn_manager.offsets_to_commit() is not None:  # noqa: SLF001
        await asyncio.sleep(COORDINATOR_SECONDS)


aiokafka.producer.sender.Sender._do_txn_offset_commit = commit_offsets  # noqa: SLF001


@contextmanager
def telling_first_cause(producer: aiokafka.AIOKafkaProducer) -> Iterator[None]:
    """What failed a transaction is raised, whoever touches it first afterwards.

    aiokafka fails it in the background, a refused right say; who comes next only hears that there is no transaction,
    and so do batches that it sends all the same.
    """
    try:
        yield
    except (IllegalOperation, InvalidTxnState, AssertionError) as error:
        waiter = producer._txn_manager._transaction_waiter  # noqa: SLF001 - see above
        if waiter.done() and (cause := waiter.exception()) is not None:
            raise cause from error
        raise


class BatchConsumer(aiokafka.AIOKafkaConsumer):
    """Reads whole fetches of partitions that were assigned by hand, read_committed and without deserializers."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._gone: set[TopicPartition] = set()
        self._damaged: set[TopicPartition] = set()
        self._next_fetch_at: dict[int, float] = {}  # by broker
        self._send = self._client.send
        self._client.send = self._answered

    async def _answered(self, node_id: int, request: Any, **options: Any) -> Any:
        """What a broker answers; it is asked for records when there may be enough for a fetch."""
        if not isinstance(request, FetchRequest):
            return await self._send(node_id, request, **options)
        await asyncio.sleep(max(0.0, self._next_fetch_at.get(node_id, 0.0) - time.monotonic()))
        asked_at = time.monotonic()
        answer = await self._send(node_id, request, **options)
        brought = [
            (TopicPartition(topic, one[0]), one[1], one[-1] or b"") for topic, some in answer.topics for one in some
        ]
        brought_bytes = sum(len(record_set) for _, _, record_set in brought)
        self._next_fetch_at[node_id] = asked_at + (GATHER_SECONDS if brought_bytes > LITTLE_BYTES else 0.0)
        for place, error, record_set in brought:
            self._note(place, error, record_set)
        return answer

    def _note(self, place: TopicPartition, error: int, record_set: bytes) -> None:
        """Note what can't be read on: what is damaged, or a partition that a broker had and doesn't know any more.

        That topic was deleted. aiokafka waits until it is there again, and goes on in the middle of another log. One
        that never answered may be so new that this broker hasn't heard of it.
        """
        if error == UNKNOWN and self.highwater(place) is not None:
            self._gone.add(place)
        if not checksums.are_right(record_set):
            self._damaged.add(place)

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[DefaultRecord]]:
        """All records fetched of these partitions; waits for some, empty when none came in time.

        Raises:
            ConsumerStoppedError: it was stopped.
            UnknownTopicOrPartitionError: partitions that were read are gone, or were for a while; it names them.
            CorruptRecordException: what came of partitions is not what was written; it names them.
            KafkaError: a partition can't be read; what others had was returned before.
        """
        self._coordinator.check_errors()
        deadline = time.monotonic() + timeout_ms / MS_PER_SECOND
        while True:
            if self._closed:
                raise ConsumerStoppedError
            if self._gone:
                raise UnknownTopicOrPartitionError(sorted(self._gone))
            if self._damaged:
                raise CorruptRecordException(f"Invalid CRC - {sorted(self._damaged)}")
            if fetched := self._fetched(partitions):
                return fetched
            waiter = self._fetcher._create_fetch_waiter()  # noqa: SLF001 - see above
            done, _ = await asyncio.wait([waiter], timeout=max(0.0, deadline - time.monotonic()))
            if not done:
                waiter.cancel()
                return {}
            waiter.result()

    def _fetched(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, list[DefaultRecord]]:
        """What is there, and the next fetch may begin."""
        fetcher = self._fetcher
        fetched: dict[TopicPartition, list[DefaultRecord]] = {}
        for partition in partitions:
            result = fetcher._records.get(partition)  # noqa: SLF001 - see above
            if result is None or (fetched and isinstance(result, FetchError)):
                continue
            del fetcher._records[partition]  # noqa: SLF001
            fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001
            if isinstance(result, FetchError):
                result.check_raise()
            if records := _all(result, partition):
                fetched[partition] = records
        return fetched


def _all(result: FetchResult, partition: TopicPartition) -> list[DefaultRecord]:
    """The committed records of a fetch; the partition's position is behind them."""
    if not result.check_assignment(partition):
        return []
    source = result._partition_records  # noqa: SLF001 - see above
    began = source.next_fetch_offset
    records = _committed(source)
    result._update_position()  # noqa: SLF001
    if records and records[0].offset < began:  # the log gives whole batches, wherever a fetch begins
        return [record for record in records if record.offset >= began]
    return records


def _committed(source: PartitionRecords) -> list[DefaultRecord]:
    """What `PartitionRecords._unpack_records` yields, without an object of aiokafka's own around each record."""
    records: list[DefaultRecord] = []
    batches, aborted = source._records, source._aborted_producers  # noqa: SLF001 - see above
    while batches.has_next():
        batch = batches.next_batch()
        source._consume_aborted_up_to(batch.base_offset)  # noqa: SLF001
        if batch.is_control_batch:
            if source._contains_abort_marker(batch):  # noqa: SLF001
                aborted.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in aborted):
            records.extend(batch)
        source.next_fetch_offset = batch.next_offset
    source._records_iterator = None  # noqa: SLF001 - it holds `source`, and that a megabyte, until cycles are looked for
    return records


def fill(batch: BatchBuilder, records: Sequence[Record], first: int) -> int:
    """Append records, from the `first` on, until the batch is full; the index of the next one.

    An empty batch takes anything.
    """
    append, now_ms = batch._builder.append, int(time.time() * MS_PER_SECOND)  # noqa: SLF001 - see above
    none: list[tuple[str, bytes]] = []
    began = offset = int(batch.record_count())
    for record in records[first:]:
        headers = list(record.headers) if record.headers else none
        if append(offset, now_ms, record.key, record.value, headers) is None:
            break
        offset += 1
    batch._relative_offset = offset  # noqa: SLF001
    return first + offset - began
