"""Our short way through aiokafka gives what its own long way gives."""

import asyncio
import gc
import uuid
import weakref
from typing import Any

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException, OffsetOutOfRangeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from agents import checksums, kafka_client
from agents.kafka_client import BatchConsumer, _committed, fill
from agents.stack import Stack
from agents.unit_of_work import Record

SETTINGS = {"group_id": None, "isolation_level": "read_committed", "auto_offset_reset": "none"}
Row = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def row(record: Any) -> Row:
    return record.offset, record.timestamp, record.key, record.value, list(record.headers)


@pytest.fixture
async def place(stack: Stack) -> TopicPartition:
    """A partition with batches of several producers: committed, aborted, compressed, plain, and tombstones."""
    place = TopicPartition(uuid.uuid4().hex, 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(place.topic, 1, 1)])
    await admin.close()
    for number, (compression, commits) in enumerate([(None, True), ("lz4", False), ("lz4", True), (None, False)]):
        await transact(stack.kafka, place, f"id-{place.topic}-{number}", commits=commits, compression_type=compression)
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        await producer.send_and_wait(place.topic, b"plain", partition=0)
    return place


async def transact(
    kafka: str, place: TopicPartition, name: str, *, commits: bool, compression_type: str | None
) -> None:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka, transactional_id=name, compression_type=compression_type
    )
    await producer.start()
    await producer.begin_transaction()
    for count in (3, 40):
        batch = producer.create_batch()
        records = [Record(b"%d" % one, None if one % 7 == 1 else b"v" * one, [("h", b"1")]) for one in range(count)]
        assert fill(batch, records, 0) == count
        await (await producer.send_batch(batch, place.topic, partition=place.partition))
    await (producer.commit_transaction() if commits else producer.abort_transaction())
    await producer.stop()


async def read(consumer: Any, place: TopicPartition, position: int) -> list[Row]:
    """All rows from there to the end, and the position must be at the end afterwards."""
    consumer.assign([place])
    await consumer.start()
    try:
        consumer.seek(place, position)
        end = (await consumer.end_offsets([place]))[place]
        rows: list[Row] = []
        async with asyncio.timeout(20):
            while await consumer.position(place) < end:
                fetched = await consumer.getmany(place, timeout_ms=200)
                rows += [row(record) for record in fetched.get(place, [])]
        return rows
    finally:
        await consumer.stop()


@pytest.mark.parametrize("position", [0, 1, 10, 43, 44, 60, 95, 120])
async def test_it_reads_what_aiokafka_reads(stack: Stack, place: TopicPartition, position: int) -> None:
    """Inside batches, at markers, within an aborted transaction."""
    expected = await read(aiokafka.AIOKafkaConsumer(bootstrap_servers=stack.kafka, **SETTINGS), place, position)
    assert await read(BatchConsumer(bootstrap_servers=stack.kafka, **SETTINGS), place, position) == expected
    assert expected[-1][3] == b"plain"
    assert position or len(expected) == 2 * 43 + 1, "the aborted ones are left out"


async def test_a_position_that_the_log_has_not_is_an_error(stack: Stack, place: TopicPartition) -> None:
    consumer = BatchConsumer(bootstrap_servers=stack.kafka, **SETTINGS)
    consumer.assign([place])
    async with consumer:
        consumer.seek(place, 10_000)
        with pytest.raises(OffsetOutOfRangeError):
            await consumer.getmany(place, timeout_ms=10_000)


async def test_nothing_new_is_nothing_after_the_time(stack: Stack, place: TopicPartition) -> None:
    consumer = BatchConsumer(bootstrap_servers=stack.kafka, **SETTINGS)
    consumer.assign([place])
    async with consumer:
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, end)
        assert await consumer.getmany(place, timeout_ms=50) == {}


async def test_after_a_fetch_that_brought_much_more_is_let_gather_and_else_nobody_waits(
    stack: Stack, place: TopicPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_client, "GATHER_SECONDS", 60.0)
    consumer = BatchConsumer(bootstrap_servers=stack.kafka, **SETTINGS)
    consumer.assign([place])
    async with consumer, aiokafka.AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        consumer.seek(place, (await consumer.end_offsets([place]))[place])
        for value in (b"little", b"little", bytes(kafka_client.LITTLE_BYTES)):
            await producer.send_and_wait(place.topic, value, partition=0)
            [record] = (await consumer.getmany(place, timeout_ms=10_000))[place]
            assert record.value == value
        await producer.send_and_wait(place.topic, b"little", partition=0)
        assert await consumer.getmany(place, timeout_ms=300) == {}


async def test_what_is_damaged_on_its_way_is_an_error_and_nothing_of_it_is_taken(
    stack: Stack, place: TopicPartition
) -> None:
    async def damaged(*arguments: Any, **options: Any) -> Any:
        answer = await send(*arguments, **options)
        for _, partitions in answer.topics if isinstance(arguments[1], FetchRequest) else ():
            partitions[:] = [(*one[:-1], one[-1][:-1] + bytes([one[-1][-1] ^ 1])) for one in partitions]
        return answer

    consumer = BatchConsumer(bootstrap_servers=stack.kafka, **SETTINGS)
    consumer.assign([place])
    send, consumer._send = consumer._send, damaged
    async with consumer:
        consumer.seek(place, 0)
        with pytest.raises(CorruptRecordException, match=place.topic):
            await consumer.getmany(place, timeout_ms=10_000)


def built() -> bytes:
    batch = BatchBuilder(1 << 20, 0)
    fill(batch, [Record(b"key", b"value")] * 3, 0)
    return bytes(batch._build())


def older(magic: int) -> bytes:
    batch = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
    batch.append(0, 1, b"key", b"value")
    return bytes(batch.build())


@pytest.mark.parametrize("batch", [built(), older(0), older(1)], ids=["new", "of Kafka 0.9", "of Kafka 0.10"])
def test_a_checksum_is_right_until_anything_that_it_covers_changes(batch: bytes) -> None:
    assert MemoryRecords(batch).next_batch().validate_crc(), "as aiokafka sees it"
    assert checksums.are_right(batch * 3)
    assert checksums.are_right(batch + batch[:-1])
    assert checksums.are_right(batch[:15])
    covered = checksums.NEW_CONTENT if batch[checksums.MAGIC] >= checksums.MAGIC_NEW else checksums.MAGIC
    for at in range(covered, len(batch)):
        changed = bytearray(batch)
        changed[at] ^= 1
        assert not checksums.are_right(batch + changed + batch), f"byte {at}"
        assert checksums.are_right(batch + changed[:-1]), "what isn't whole isn't read either"


def fetched() -> PartitionRecords:
    records = MemoryRecords(built())
    return PartitionRecords(TopicPartition("topic", 0), records, [], 0, None, None, check_crcs=True, isolation_level=1)


def test_a_fetch_that_was_read_is_free_at_once_not_when_cycles_are_looked_for() -> None:
    source = fetched()
    gone = weakref.ref(source)
    _committed(source)
    gc.disable()
    try:
        del source
        assert gone() is None
    finally:
        gc.enable()


def test_what_is_appended_is_what_aiokafka_appends() -> None:
    records = [Record(b"k", b"v", [("name", b"x"), ("other", b"")]), Record(None, b"v"), Record(b"k", None)]
    ours, theirs = BatchBuilder(1 << 20, 0), BatchBuilder(1 << 20, 0)
    assert fill(ours, records, 0) == 3
    for one in records:
        theirs.append(key=one.key, value=one.value, timestamp=None, headers=list(one.headers))
    rows = [[row(one)[2:] for one in MemoryRecords(bytes(batch._build())).next_batch()] for batch in (ours, theirs)]
    assert rows[0] == rows[1]
    assert ours.record_count() == theirs.record_count() == 3


def test_a_full_batch_says_which_record_is_next_and_an_empty_one_takes_anything() -> None:
    records = [Record(b"k", b"v" * 400)] * 5
    batch = BatchBuilder(1000, 0)
    assert fill(batch, records, 1) == 3
    assert batch.record_count() == 2
    assert fill(BatchBuilder(10, 0), records, 4) == 5


def test_the_result_of_a_fetch_says_how_far_it_reaches() -> None:
    assert {"_partition_records", "_assignment"} <= vars(
        FetchResult(TopicPartition("topic", 0), assignment=None, partition_records=fetched(), backoff=0)
    ).keys()
