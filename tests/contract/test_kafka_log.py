"""What the unit of work relies on, on a real broker: fencing, all or nothing, and that no append goes wrong unseen."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from agents import topic_admin
from agents.kafka_log import BATCH_BYTES_MAX, KafkaLog
from agents.kafka_reader import committed_positions, committed_records, read_table
from agents.stack import Stack
from agents.unit_of_work import Place, Record
from streams import topics

OUTPUT, TABLE = topics.RETENTION_ACTIONS.name, topics.CHANGELOG.name
Start = Callable[[str, str], Awaitable[KafkaLog]]
POSITION = {Place(topics.JOURNAL.name, 0): 1}
FENCED = (ProducerFenced, InvalidProducerEpoch)


@pytest.fixture
async def kafka(stack: Stack) -> str:
    await topic_admin.create(stack.kafka)
    return stack.kafka


def fresh() -> str:
    """A name that no other test has used."""
    return uuid.uuid4().hex


@pytest.fixture
async def start(kafka: str) -> AsyncIterator[Start]:
    """Starts logs by transactional id and group, and stops them after the test."""
    started: list[KafkaLog] = []

    async def start_one(transactional_id: str, group: str) -> KafkaLog:
        started.append(KafkaLog(kafka, transactional_id, group))
        await started[-1].start()
        return started[-1]

    yield start_one
    for log in started:
        await log.stop()


async def transact(log: KafkaLog, topic: str, records: list[Record], positions: dict[Place, int]) -> None:
    await log.begin()
    await log.append(Place(topic, 0), records)
    await log.commit(positions)


async def keys(kafka: str, topic: str) -> list[bytes]:
    return [record.key async for _, records in committed_records(kafka, [Place(topic, 0)]) for record in records]


async def test_a_transaction_brings_its_records_and_its_positions_together(kafka: str, start: Start) -> None:
    group, key, source = fresh(), fresh().encode(), Place(topics.JOURNAL.name, 0)
    log = await start(fresh(), group)
    assert await committed_positions(kafka, group, [source]) == {source: None}
    await transact(log, OUTPUT, [Record(key, b"one", [("name", b"value")]), Record(key, b"two")], {source: 7})
    assert (await keys(kafka, OUTPUT)).count(key) == 2
    assert await committed_positions(kafka, group, [source]) == {source: 7}


async def test_a_new_owner_fences_the_old_one_and_its_open_transaction_is_never_seen(kafka: str, start: Start) -> None:
    group, identity, key = fresh(), fresh(), fresh().encode()
    old = await start(identity, group)
    await old.begin()
    await old.append(Place(OUTPUT, 0), [Record(key, b"torn")])
    new = await start(identity, group)
    with pytest.raises(FENCED):
        await old.commit({Place(topics.JOURNAL.name, 0): 9})
    await transact(new, OUTPUT, [Record(key, b"whole")], {Place(topics.JOURNAL.name, 0): 3})
    assert (await keys(kafka, OUTPUT)).count(key) == 1
    assert await committed_positions(kafka, group, [Place(topics.JOURNAL.name, 0)]) == {
        Place(topics.JOURNAL.name, 0): 3
    }


@pytest.mark.parametrize(
    "refused",
    [Record(b"key", b"x" * (2 * BATCH_BYTES_MAX)), Record(None, b"a compacted topic wants a key")],
    ids=["too large", "no key"],
)
async def test_an_append_that_the_broker_refuses_fails_the_commit(start: Start, refused: Record) -> None:
    """aiokafka's own commit would succeed: the batch fails alone, and nobody looks."""
    log = await start(fresh(), fresh())
    await log.begin()
    await log.append(Place(TABLE, 0), [refused])
    with pytest.raises(KafkaError):
        await log.commit(POSITION)


async def test_many_records_go_out_in_as_many_batches_as_they_need(kafka: str, start: Start) -> None:
    key, value = fresh().encode(), b"x" * 1000
    log = await start(fresh(), fresh())
    await transact(log, OUTPUT, [Record(key, value)] * 3000, POSITION)
    assert (await keys(kafka, OUTPUT)).count(key) == 3000


async def test_a_table_is_read_to_its_end_past_markers_and_aborted_records(kafka: str, start: Start) -> None:
    identity, key = fresh(), fresh().encode()
    log = await start(identity, fresh())
    await transact(
        log, TABLE, [Record(key, b"old"), Record(key, b"new"), Record(b"gone", b"x"), Record(b"gone", None)], POSITION
    )
    await log.begin()
    await log.append(Place(TABLE, 0), [Record(key, b"never")])
    await start(identity, fresh())  # ends the open transaction
    table = (await read_table(kafka, TABLE, [0]))[0]
    assert table[key] == b"new"
    assert b"gone" not in table
