"""A dump of a real journal: committed entries only, in order, and enough to decide the same again."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents import config_files, journal_dump, source_lines, topic_admin
from agents import stack as local_stack
from agents.demo import generator
from agents.journal_dump import JournalError
from agents.line_files import Line
from agents.replay import Replay, replay_entries
from agents.settings import PACKAGED_CONFIG
from agents.topic_admin import MissingTopic
from streams.journal import Tick, encode_entry
from streams.partition import JournalRecord
from streams.topics import DECISIONS, JOURNAL, Topic

Command = Callable[..., Any]
ENTRIES_PER_TRANSACTION = 700


def entries_of(count: int) -> list[JournalRecord]:
    made = islice(generator.generate(count, 5).records, count)
    lines = [Line("", number, msgspec.json.encode(record)) for number, record in enumerate(made, start=1)]
    return list(source_lines.journal(lines, config_files.load(PACKAGED_CONFIG), lambda *_: None))


async def write(producer: AIOKafkaProducer, number: int, records: list[JournalRecord]) -> None:
    for record in records:
        await producer.send(JOURNAL.name, encode_entry(record.entry), partition=number)
    await producer.flush()


async def write_journal(kafka: str, records: list[JournalRecord]) -> None:
    """The same entries in partitions 0 and 2, an aborted transaction after each committed one, none in 1 and 3."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id="journal-writer") as producer:
        for number in (0, 2):
            for start in range(0, len(records), ENTRIES_PER_TRANSACTION):
                async with producer.transaction():
                    await write(producer, number, records[start : start + ENTRIES_PER_TRANSACTION])
                await producer.begin_transaction()
                await write(producer, number, [JournalRecord(-1, Tick(4_000_000_000_000))])
                await producer.abort_transaction()


@pytest.fixture(scope="module")
def records() -> list[JournalRecord]:
    return entries_of(4000)


@pytest.fixture(scope="module")
def kafka(records: list[JournalRecord]) -> Iterator[str]:
    """The address of a broker of our own with that journal, whatever the environment offers: its name is fixed."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("BELLWETHER_KAFKA", "BELLWETHER_REDIS"):
            environment.delenv(name, raising=False)
        with local_stack.running() as running:
            asyncio.run(topic_admin.create(running.kafka))
            asyncio.run(write_journal(running.kafka, records))
            yield running.kafka


def decisions(replay: Replay, entries: Iterable[tuple[int, JournalRecord]]) -> list[str]:
    """Their ids; positions differ, since the markers of transactions have offsets too."""
    return [decision.id for _, decision in replay_entries(entries, replay)]


async def test_a_replay_of_what_was_read_decides_as_the_entries_did(kafka: str, records: list[JournalRecord]) -> None:
    read = [one async for one in journal_dump.read(kafka)]
    assert Counter(number for number, _ in read) == {0: len(records), 2: len(records)}
    assert read == sorted(read, key=lambda one: (one[0], one[1].offset))
    original, again = Replay(), Replay()
    decided = decisions(original, ((0, record) for record in records))
    assert len(decided) > 1
    assert decisions(again, read) == decided * 2
    assert set(again.tables[0]) == set(original.tables[0])
    assert again.tables[0] == again.tables[2]


def test_the_command_writes_what_replay_reads(
    kafka: str, records: list[JournalRecord], tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", kafka)
    dump, output = tmp_path / "journal.jsonl", tmp_path / "decisions.jsonl"
    ended = bellwether("journal", "dump", "--output", str(dump))
    assert (ended.code, ended.out, ended.err) == (0, "", f"{2 * len(records)} entries.\n")
    first = json.loads(dump.read_bytes().splitlines()[0])
    assert (first["partition"], first["offset"], first["kind"]) == (0, 0, "config")
    assert "card_testing" in first["entry"]["content"]["triggers"]
    assert bellwether("replay", "--input", str(dump), "--output", str(output)).code == 0
    decided = decisions(Replay(), ((0, record) for record in records))
    assert [json.loads(line)["id"] for line in output.read_bytes().splitlines()] == decided * 2


async def test_without_a_journal_it_says_so(stack: local_stack.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_dump, "JOURNAL", Topic("no-such-journal", key="customer", retention_ms=-1))
    with pytest.raises(MissingTopic, match="no-such-journal"):
        [one async for one in journal_dump.read(stack.kafka)]


async def test_a_record_that_is_no_entry_is_named(stack: local_stack.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_dump, "JOURNAL", DECISIONS)
    await topic_admin.create(stack.kafka)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        sent = await producer.send_and_wait(DECISIONS.name, b"no entry", partition=1)
    with pytest.raises(JournalError, match=rf"decisions, partition 1, offset {sent.offset}: not a journal entry"):
        [one async for one in journal_dump.read(stack.kafka)]
