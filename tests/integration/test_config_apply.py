"""A config version goes into every journal partition of a real broker, or into none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import config_apply, config_files, topic_admin
from agents.stack import Stack
from agents.stack.process import free_port
from streams import config
from streams.journal import ConfigVersion, decode_entry
from streams.topics import JOURNAL

Command = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "triggers.yaml").write_text("triggers: {card_testing: {mode: shadow}}\n")
    return tmp_path


async def ends_of_journal(kafka: str) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed") as consumer:
        partitions = [TopicPartition(JOURNAL.name, number) for number in range(JOURNAL.partitions)]
        return dict(await consumer.end_offsets(partitions))


async def records_from(kafka: str, starts: dict[TopicPartition, int]) -> list[tuple[int, bytes]]:
    """One committed record of each partition, from a position on."""
    found: dict[int, bytes] = {}
    async with AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed") as consumer:
        consumer.assign(list(starts))
        for partition, offset in starts.items():
            consumer.seek(partition, offset)
        while len(found) < len(starts):
            records = await consumer.getmany(timeout_ms=10_000)
            assert records, f"only {sorted(found)} have a record"
            found |= {partition.partition: batch[0].value for partition, batch in records.items()}
    return sorted(found.items())


async def test_every_partition_gets_the_version_once(stack: Stack, folder: Path) -> None:
    await topic_admin.create(stack.kafka)
    rules = config_files.load(folder)
    before = await ends_of_journal(stack.kafka)
    assert await config_apply.append(stack.kafka, rules, 1_700_000_000_000) == JOURNAL.partitions
    after = await ends_of_journal(stack.kafka)
    assert {after[one] - before[one] for one in before} == {2}  # the entry and the transaction's marker
    expected = ConfigVersion(rules.version, config.encode(rules), 1_700_000_000_000)
    assert [(number, decode_entry(value)) for number, value in await records_from(stack.kafka, before)] == [
        (number, expected) for number in range(JOURNAL.partitions)
    ]


def test_the_command_says_the_version_that_check_says(
    stack: Stack, folder: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", stack.kafka)
    assert bellwether("topics", "create").code == 0
    checked = bellwether("config", "check", "--config", str(folder), "--json")
    applied = bellwether("config", "apply", "--config", str(folder), "--at-ms", "5", "--json")
    version = json.loads(checked.out)["version"]
    assert (applied.code, json.loads(applied.out)) == (0, {"version": version, "at_ms": 5, "partitions": 4})
    assert bellwether("config", "apply", "--config", str(folder)).code == 0  # again: allowed, and changes nothing


def test_without_kafka_it_is_exit_code_3(folder: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
    ended = bellwether("config", "apply", "--config", str(folder))
    assert (ended.code, ended.out) == (3, "")
    assert "out of reach" in ended.err
