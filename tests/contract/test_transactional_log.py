"""What the unit of work relies on of a log, on a real broker and on the one in memory that the simulation runs on.

One suite for both: what the simulation takes for granted, Kafka must do. The clients of ours are the same.
"""

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from random import Random
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from agents import topic_admin
from agents.group_positions import committed_positions
from agents.kafka_log import BATCH_BYTES_MAX, KafkaLog
from agents.kafka_reader import committed_records, read_into, read_table
from agents.unit_of_work import Outputs, Place, Record, carry_out
from streams import topics
from tests.simulation.clients import Client, installed
from tests.simulation.cluster import Cluster

OUTPUT, TABLE = Place(topics.RETENTION_ACTIONS.name, 0), Place(topics.CHANGELOG.name, 0)
SOURCE = Place(topics.JOURNAL.name, 0)
FENCED = (ProducerFenced, InvalidProducerEpoch)
Start = Callable[[str, str], Awaitable[KafkaLog]]


@pytest.fixture(params=["kafka", "memory"])
def broker(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An address, or what stands in its place."""
    if request.param == "kafka":
        address = request.getfixturevalue("stack").kafka
        asyncio.run(topic_admin.create(address))
        yield address
    else:
        cluster = Cluster(Random(0))  # noqa: S311 - not for secrets

        async def world(_: str) -> None:
            cluster.settle()

        client = Client(cluster, world)
        cluster.on_visible = client.wake
        with installed():
            yield client
    gc.collect()  # asyncio tells of a fenced producer's failed futures when they are collected: here, not anywhere


@pytest.fixture
async def start(broker: Any) -> AsyncIterator[Start]:
    """Starts logs by transactional id and group, and stops them after the test."""
    started: list[KafkaLog] = []

    async def start_one(transactional_id: str, group: str) -> KafkaLog:
        started.append(KafkaLog(broker, transactional_id, group))
        await started[-1].start()
        return started[-1]

    yield start_one
    for log in started:
        await log.stop()


def fresh() -> str:
    """A name that no other test has used."""
    return uuid.uuid4().hex


async def transact(log: KafkaLog, place: Place, records: list[Record], position: int = 1) -> None:
    await log.begin()
    await log.append(place, records)
    await log.commit({SOURCE: position})


async def found(broker: Any, key: bytes, place: Place = OUTPUT) -> list[bytes | None]:
    """What a reader of committed records sees of this key."""
    batches = committed_records(broker, [place])
    return [record.value async for _, batch in batches for record in batch if record.key == key]


async def so_far(broker: Any, key: bytes) -> list[bytes | None]:
    """The same, without waiting for transactions that are open."""
    values: list[bytes | None] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5), aclosing(committed_records(broker, [OUTPUT])) as batches:
            async for _, batch in batches:
                values += [record.value for record in batch if record.key == key]
    return values


async def offsets_of(broker: Any, key: bytes, place: Place = OUTPUT) -> list[int]:
    """Where that stands."""
    batches = committed_records(broker, [place])
    return [record.offset async for _, batch in batches for record in batch if record.key == key]


async def becomes(look: Callable[[], Awaitable[object]], expected: object) -> None:
    """A commit is answered before its markers are written: what it brought is there soon after."""
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while await look() != expected:  # noqa: ASYNC110 - a broker's doing has no event to wait for
                await asyncio.sleep(0.01)
    assert await look() == expected


async def position(broker: Any, group: str) -> int | None:
    return (await committed_positions(broker, group, [SOURCE]))[SOURCE]


async def test_a_transaction_brings_its_records_and_its_positions_together(broker: Any, start: Start) -> None:
    group, key = fresh(), fresh().encode()
    log = await start(fresh(), group)
    assert await position(broker, group) is None
    adopted: list[bool] = []
    outputs = Outputs({}, lambda: adopted.append(True))
    outputs.add(OUTPUT, Record(key, b"one", [("name", b"value")]))
    outputs.add(OUTPUT, Record(key, b"two"))
    await carry_out(log, outputs, {SOURCE: 7})
    await becomes(lambda: found(broker, key), [b"one", b"two"])
    await becomes(lambda: position(broker, group), 7)
    assert adopted == [True]


async def test_a_position_that_a_lane_told_is_known_from_what_others_set(broker: Any, start: Start) -> None:
    group = fresh()
    log = await start(fresh(), group)
    await transact(log, OUTPUT, [Record(b"k", b"v")], 3)

    async def told() -> object:
        positions = await committed_positions(broker, group, [SOURCE, OUTPUT])
        return dict(positions), positions.ours, positions.of([OUTPUT]).ours

    await becomes(told, ({SOURCE: 3, OUTPUT: None}, {SOURCE}, set()))


async def test_a_transaction_need_not_tell_the_group_anything(broker: Any, start: Start) -> None:
    group, key = fresh(), fresh().encode()
    log = await start(fresh(), group)
    await log.begin()
    await log.append(OUTPUT, [Record(key, b"alone")])
    await log.commit()
    assert await found(broker, key) == [b"alone"]
    assert await position(broker, group) is None


async def test_an_open_transaction_is_not_seen_nor_are_its_positions(broker: Any, start: Start) -> None:
    group, key = fresh(), fresh().encode()
    log = await start(fresh(), group)
    await log.begin()
    await log.append(OUTPUT, [Record(key, b"half")])
    await asyncio.gather(*log._sent)
    assert await so_far(broker, key) == []
    assert await position(broker, group) is None
    await log.commit({SOURCE: 5})
    await becomes(lambda: found(broker, key), [b"half"])
    await becomes(lambda: position(broker, group), 5)


async def test_an_open_transaction_hides_what_others_commit_after_it(broker: Any, start: Start) -> None:
    group, key = fresh(), fresh().encode()
    slow, fast = await start(fresh(), group), await start(fresh(), group)
    await slow.begin()
    await slow.append(OUTPUT, [Record(key, b"slow")])
    await asyncio.gather(*slow._sent)
    await transact(fast, OUTPUT, [Record(key, b"fast")])
    assert await so_far(broker, key) == []
    await slow.commit({SOURCE: 1})
    await becomes(lambda: found(broker, key), [b"slow", b"fast"])


async def test_who_reads_up_to_the_end_waits_for_transactions_that_are_open(broker: Any, start: Start) -> None:
    """One whose commit was answered is open for a moment more: without waiting, a reader misses the last of them."""
    key, log = fresh().encode(), await start(fresh(), fresh())
    await log.begin()
    await log.append(OUTPUT, [Record(key, b"in time")])
    await asyncio.gather(*log._sent)
    reading = asyncio.create_task(found(broker, key))
    done, _ = await asyncio.wait([reading], timeout=0.5)
    assert not done
    await log.commit({SOURCE: 1})
    assert await reading == [b"in time"]


async def test_a_transaction_ends_with_a_marker_that_takes_up_an_offset(broker: Any, start: Start) -> None:
    key, log = fresh().encode(), await start(fresh(), fresh())
    await transact(log, OUTPUT, [Record(key, b"0"), Record(key, b"1")])
    await transact(log, OUTPUT, [Record(key, b"3")])
    await becomes(lambda: found(broker, key), [b"0", b"1", b"3"])
    offsets = await offsets_of(broker, key)
    assert [offset - offsets[0] for offset in offsets] == [0, 1, 3]


async def test_a_new_owner_fences_the_old_one_and_its_open_transaction_is_never_seen(broker: Any, start: Start) -> None:
    group, identity, key = fresh(), fresh(), fresh().encode()
    old = await start(identity, group)
    await old.begin()
    await old.append(OUTPUT, [Record(key, b"torn")])
    new = await start(identity, group)
    with pytest.raises(FENCED):
        await old.commit({SOURCE: 9})
    await transact(new, OUTPUT, [Record(key, b"whole")], 3)
    await becomes(lambda: found(broker, key), [b"whole"])
    await becomes(lambda: position(broker, group), 3)


async def test_a_fenced_owner_cannot_begin_again(broker: Any, start: Start) -> None:
    group, identity, key = fresh(), fresh(), fresh().encode()
    old = await start(identity, group)
    await transact(old, OUTPUT, [Record(key, b"its own")], 3)
    await start(identity, group)
    with pytest.raises(FENCED):
        await transact(old, OUTPUT, [Record(key, b"zombie")], 9)
    await becomes(lambda: found(broker, key), [b"its own"])
    await becomes(lambda: position(broker, group), 3)


async def test_positions_of_an_aborted_transaction_are_void(broker: Any, start: Start) -> None:
    group, identity = fresh(), fresh()
    old = await start(identity, group)
    await transact(old, OUTPUT, [Record(fresh().encode(), b"")], 3)
    await old.begin()
    await old._producer.send_offsets_to_transaction({TopicPartition(*SOURCE): 9}, group)
    await start(identity, group)
    await becomes(lambda: position(broker, group), 3)


@pytest.mark.parametrize("turns", [1, 2, 4, 8, 16, 32])
async def test_an_outcome_that_nobody_heard_of_is_settled_by_the_next_start(
    broker: Any, start: Start, turns: int
) -> None:
    """Wherever the commit was given up: records and positions are both there or both not, and stay so."""
    group, identity, key = fresh(), fresh(), fresh().encode()
    old = await start(identity, group)
    await old.begin()
    await old.append(OUTPUT, [Record(key, b"value")])
    commit = asyncio.ensure_future(old.commit({SOURCE: 9}))
    for _ in range(turns):
        await asyncio.sleep(0)
    commit.cancel()
    await asyncio.wait([commit])
    await start(identity, group)
    settled = len(await found(broker, key)), await position(broker, group)
    assert settled in {(0, None), (1, 9)}
    await start(identity, group)
    assert (len(await found(broker, key)), await position(broker, group)) == settled


@pytest.mark.parametrize(
    "refused",
    [Record(b"key", b"x" * (2 * BATCH_BYTES_MAX)), Record(None, b"a compacted topic wants a key")],
    ids=["too large", "no key"],
)
async def test_an_append_that_the_broker_refuses_fails_the_commit(start: Start, refused: Record) -> None:
    """aiokafka's own commit would succeed: the batch fails alone, and nobody looks."""
    log = await start(fresh(), fresh())
    await log.begin()
    await log.append(TABLE, [refused])
    with pytest.raises(KafkaError):
        await log.commit({SOURCE: 1})


async def test_without_a_look_at_the_appends_the_commit_would_succeed(broker: Any, start: Start) -> None:
    """Why the look is needed: the positions move on without the record."""
    group, key = fresh(), fresh().encode()
    log = await start(fresh(), group)
    await log.begin()
    await log.append(TABLE, [Record(key, b"x" * (2 * BATCH_BYTES_MAX))])
    await asyncio.gather(*log._sent, return_exceptions=True)
    log._sent.clear()
    await log.commit({SOURCE: 4})
    assert await found(broker, key, TABLE) == []
    await becomes(lambda: position(broker, group), 4)


async def test_a_table_is_read_to_its_end_past_markers_and_aborted_records(broker: Any, start: Start) -> None:
    identity, key = fresh(), fresh().encode()
    log = await start(identity, fresh())
    await transact(log, TABLE, [Record(key, b"old"), Record(key, b"new"), Record(b"gone", b"x"), Record(b"gone", None)])
    await log.begin()
    await log.append(TABLE, [Record(key, b"never")])
    await start(identity, fresh())  # ends the open transaction
    table = (await read_table(broker, TABLE.topic, [0]))[0]
    assert table[key] == b"new"
    assert b"gone" not in table
    tables: dict[int, dict[bytes, bytes]] = {0: {}}
    await read_into(tables, broker, TABLE.topic, lambda: False)
    assert tables == {0: {}}, "nobody waits for it any more"
