"""A config version goes into every journal partition of a real broker, or into none."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from agents import config_apply, config_files, config_versions, journal_dump, topic_admin
from agents.stack import Stack, running
from agents.stack.process import free_port
from streams import config
from streams.journal import ConfigVersion, decode_entry, encode_entry
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
    write(folder, "card_testing: {mode: shadow, window: P3D}")
    checked = bellwether("config", "check", "--config", str(folder), "--json")
    applied = bellwether("config", "apply", "--config", str(folder), "--at-ms", "5", "--json")
    told = json.loads(applied.out)
    assert applied.code == 0
    assert (told["version"], told["at_ms"], told["partitions"]) == (json.loads(checked.out)["version"], 5, 4)


def test_without_kafka_it_is_exit_code_3(folder: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
    ended = bellwether("config", "apply", "--config", str(folder))
    assert (ended.code, ended.out) == (3, "")
    assert "out of reach" in ended.err


@pytest.fixture
def journal(bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A cluster of its own, whose journal is empty."""
    with running() as own:
        monkeypatch.setenv("BELLWETHER_KAFKA", own.kafka)
        assert bellwether("topics", "create").code == 0
        yield own


def write(folder: Path, rules: str) -> None:
    (folder / "triggers.yaml").write_text(f"triggers: {{{rules}}}\n")


def test_a_rule_is_changed_looked_up_and_taken_back(journal: Stack, folder: Path, bellwether: Command) -> None:
    def ends() -> dict[TopicPartition, int]:
        return asyncio.run(ends_of_journal(journal.kafka))

    def told(*arguments: str) -> Any:
        ended = bellwether("config", *arguments, "--json")
        return ended.code, json.loads(ended.out)

    at = ("--config", str(folder))
    assert bellwether("config", "rollback").code == 1, "there is nothing to go back to"
    first = told("apply", *at, "--note", "first", "--by", "ada")[1]
    assert first["changes"] == [{"path": "triggers.card_testing.mode", "old": "off", "new": "shadow"}]
    before = ends()
    again = told("apply", *at, "--note", "again")
    assert (again[0], again[1]["partitions"], again[1]["changes"]) == (0, 0, [])
    assert told("diff", str(folder)) == (0, {"old": first["version"], "new": first["version"], "changes": []})

    write(folder, "card_testing: {mode: lve}")
    assert bellwether("config", "apply", *at).code == 1
    assert bellwether("config", "diff", str(folder)).code == 1
    assert ends() == before, "what is live, or refused, is not appended"

    write(folder, "card_testing: {mode: live, window: P2D}")
    changes = [
        {"path": "triggers.card_testing.mode", "old": "shadow", "new": "live"},
        {"path": "triggers.card_testing.window", "old": "P1D", "new": "P2D"},
    ]
    code, difference = told("diff", str(folder))
    assert (code, difference["changes"]) == (1, changes)
    second = told("apply", *at, "--note", "second")[1]
    assert second["changes"] == changes
    assert told("diff", str(folder), "--against", first["version"][:6])[1]["changes"] == changes
    assert bellwether("config", "diff", str(folder), "--against", "nothing").code == 2

    back = told("rollback")[1]
    assert back["version"] == first["version"]
    assert told("rollback", first["version"])[1]["partitions"] == 0, "it is live already"
    _, history = told("history")
    assert history["live"] == first["version"]
    assert [one["version"] for one in history["applied"]] == [first["version"], second["version"], first["version"]]
    assert [one["note"] for one in history["applied"]] == ["first", "second", f"rollback to {first['version']}"]
    assert history["applied"][0]["by"] == "ada"
    assert [sorted(one["positions"]) for one in history["applied"]] == [["0", "1", "2", "3"]] * 3
    assert bellwether("config", "history").out.count("live") == 1
    write(folder, "card_testing: {mode: shadow}")
    assert told("apply", *at, "--again")[1]["partitions"] == 4, "workers of an earlier release may have refused it"
    contents = [entry.content for _, entry in asyncio.run(versions(journal.kafka))]
    assert contents[0] == contents[2], "the journal's own bytes again"


async def versions(kafka: str) -> list[tuple[int, ConfigVersion]]:
    """The config versions of partition 0."""
    found = [(number, one.entry) async for number, one in journal_dump.read(kafka)]
    return [(number, one) for number, one in found if number == 0 and isinstance(one, ConfigVersion)]


async def test_what_a_killed_apply_left_unfinished_is_never_seen(journal: Stack, folder: Path) -> None:
    rules = config_files.load(folder)
    value = encode_entry(ConfigVersion("half", config.encode(rules), 5))
    killed = AIOKafkaProducer(bootstrap_servers=journal.kafka, transactional_id=config_apply.TRANSACTIONAL_ID)
    await killed.start()
    await killed.begin_transaction()
    await killed.send_and_wait(JOURNAL.name, value, partition=2)
    await config_apply.append(journal.kafka, rules, 6)
    found = (await config_versions.read(journal.kafka)).applied
    assert [(one.version, sorted(one.positions)) for one in found] == [(rules.version, [0, 1, 2, 3])]
    with suppress(KafkaError):  # it has been fenced
        await killed.stop()
