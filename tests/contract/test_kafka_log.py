"""What is peculiar to the log on Kafka; what any transactional log must do is in `test_transactional_log.py`."""

import uuid

import pytest

from agents import topic_admin
from agents.kafka_log import KafkaLog
from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place, Record
from streams import topics

OUTPUT = Place(topics.RETENTION_ACTIONS.name, 0)


async def test_many_records_go_out_in_as_many_batches_as_they_need(stack: Stack) -> None:
    await topic_admin.create(stack.kafka)
    name, value = uuid.uuid4().hex, b"x" * 1000
    log = KafkaLog(stack.kafka, name, name)
    await log.start()
    await log.begin()
    await log.append(OUTPUT, [Record(name.encode(), value)] * 3000)
    await log.commit({Place(topics.JOURNAL.name, 0): 1})
    await log.stop()
    keys = [record.key async for _, some in committed_records(stack.kafka, [OUTPUT]) for record in some]
    assert keys.count(name.encode()) == 3000


async def test_no_batch_is_refused_because_offsets_are_under_way(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    await topic_admin.create(stack.kafka)
    name = uuid.uuid4().hex
    log = KafkaLog(stack.kafka, name, name)
    await log.start()
    for position in range(1, 101):
        await log.begin()
        await log.append(OUTPUT, [Record(name.encode(), b"x")])
        await log.commit({Place(topics.JOURNAL.name, 0): position})
    await log.stop()
    assert "NotEnoughReplicas" not in caplog.text
