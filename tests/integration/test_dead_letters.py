"""Dead letters on a cluster: replayed exactly once, whatever crashes; and a topic of garbage that nobody drains."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.dlq import letters
from agents.dlq.replay import TRANSACTIONAL_ID
from agents.group_positions import committed_positions
from agents.intake import journal_place
from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place
from agents.verify import settled
from faults.uneven import grow
from streams import topics
from streams.dead_letters import Rejected, dead_letter, marker
from streams.events import Interaction
from streams.journal import EventEntry, Source, encode_entry
from tests.integration.running import addresses, running, until, until_ready

Command = Callable[..., Any]
START_MS = 1_700_000_000_000
SOURCE = Place("interactions", 9)
LETTERS = 1  # their partition: there are four
GARBAGE = Place("usage", 3)
TOO_MANY = 76
WORKER = (sys.executable, "-m", "agents.worker")


def login(number: int) -> Interaction:
    return Interaction(id=f"login-{number}", customer=f"customer-{number}", at_ms=START_MS + number, kind="login")


async def send(kafka: str, place: Place, values: Iterable[bytes]) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for value in values:
            await producer.send_and_wait(place.topic, value, partition=place.partition)


async def refused_by_an_older_release(kafka: str, values: list[bytes]) -> None:
    """Source records that are dead letters, though this release can read most of them; the group has passed them."""
    await grow(kafka, SOURCE.topic, 12)
    await send(kafka, SOURCE, values)
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for offset, value in enumerate(values):
            letter = dead_letter(Rejected("missing_field", "No.", value), Source(*SOURCE, offset), b"key")
            to = {"partition": LETTERS, "headers": list(letter.headers)}
            await producer.send_and_wait(topics.DEAD_LETTERS.name, letter.value, key=letter.key, **to)
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, group_id=topics.APP, enable_auto_commit=False)
    consumer.assign([TopicPartition(*SOURCE)])
    async with consumer:
        await consumer.commit({TopicPartition(*SOURCE): len(values)})


async def replay_that_hangs(kafka: str, bellwether: Command) -> Any:
    """One that has appended the first letter's entry and marker, and lives on: the next one shuts it out."""
    event, source = login(0), Source(*SOURCE, 0)
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=TRANSACTIONAL_ID)
    async with producer:
        await producer.begin_transaction()
        to = journal_place(event.customer, topics.PARTITIONS)
        value = encode_entry(EventEntry(event, source))
        await producer.send_and_wait(to.topic, value, key=event.customer.encode(), partition=to.partition)
        told = marker(source, to.partition, b"key")
        where = {"partition": LETTERS, "headers": list(told.headers)}
        await producer.send_and_wait(topics.DEAD_LETTERS.name, None, key=b"key", **where)
        ended = await asyncio.to_thread(bellwether, "dlq", "replay", "--json")
        with pytest.raises(KafkaError):
            await producer.commit_transaction()
    return ended


async def journaled(kafka: str) -> int:
    places = [Place(topics.JOURNAL.name, number) for number in range(topics.PARTITIONS)]
    return sum([sum(record.key is not None for record in some) async for _, some in committed_records(kafka, places)])


def test_dead_letters_are_replayed_once_whatever_crashes(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = cluster.kafka
    monkeypatch.setenv("BELLWETHER_KAFKA", kafka)
    monkeypatch.setenv("BELLWETHER_TICKS", "none")
    readable = [msgspec.json.encode(login(number)) for number in range(3)]
    asyncio.run(refused_by_an_older_release(kafka, [*readable, b"{}"]))
    [counted] = json.loads(bellwether("dlq", "list", "--json").out)["counts"]
    assert (counted["reason"], counted["topic"], counted["count"]) == ("missing_field", SOURCE.topic, 4)
    shown = bellwether("dlq", "show", "--source", f"{SOURCE.topic}/{SOURCE.partition}/1")
    assert "customer-1" in shown.out
    assert "customer-2" not in shown.out
    assert bellwether("dlq", "show", "--reason", "not_json").code == 1
    dry = json.loads(bellwether("dlq", "replay", "--dry-run", "--json").out)
    assert (dry["journaled"], dry["unreadable"]) == ({SOURCE.topic: 3}, {"missing_field": 1})
    assert asyncio.run(journaled(kafka)) == 0
    ended = asyncio.run(replay_that_hangs(kafka, bellwether))
    assert (ended.code, json.loads(ended.out)["journaled"]) == (1, {SOURCE.topic: 3}), "one still can't be read"
    again = bellwether("dlq", "replay", "--json")
    assert json.loads(again.out) == {"journaled": {}, "unreadable": dry["unreadable"], "gone": {}, "before": 3}
    assert asyncio.run(journaled(kafka)) == 3
    with running(WORKER, cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log"))
        asyncio.run(until(lambda: settled(kafka)))
    audit = json.loads(bellwether("verify", "--json").out)
    assert [one["findings"] for one in audit["checks"]] == [[]] * len(audit["checks"])
    assert audit["checks"][0]["counts"]["replayed"] == 3


def until_it_stops(cluster: Stack, log: Path) -> int:
    """Run a worker that must stop by itself; its exit code."""
    with log.open("wb") as output:
        return subprocess.run(WORKER, env=addresses(cluster), stdout=output, timeout=90, check=False).returncode  # noqa: S603 - our own


async def drained(kafka: str) -> tuple[int, int | None]:
    """How many dead letters came of the garbage, and up to where it counts as read."""
    found = await letters.read(kafka)
    position = (await committed_positions(kafka, topics.APP, [GARBAGE]))[GARBAGE]
    return sum(one.source.topic == GARBAGE.topic for one in found), position


def test_a_topic_of_garbage_stops_the_worker_and_is_not_drained_by_its_restarts(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, log = cluster.kafka, tmp_path / "log"
    monkeypatch.setenv("BELLWETHER_KAFKA", kafka)
    monkeypatch.setenv("BELLWETHER_TICKS", "none")
    monkeypatch.setenv("BELLWETHER_DEADLETTERS", "in_a_row_max=20")
    asyncio.run(send(kafka, GARBAGE, [b"garbage"] * 15))
    with running(WORKER, cluster, log):
        asyncio.run(until_ready(log))
        asyncio.run(until(lambda: settled(kafka)))
    assert asyncio.run(drained(kafka)) == (15, 15), "so few are ordinary"
    asyncio.run(send(kafka, GARBAGE, [b"garbage"] * 15))
    for _ in range(2):
        assert until_it_stops(cluster, log) == TOO_MANY
        told = next(json.loads(line) for line in log.read_text().splitlines() if "too_many_dead_letters" in line)
        assert (told["topic"], told["partition"], told["offset"]) == (*GARBAGE, 20)
        assert (told["in_a_row"], told["reasons"]) == (21, {"not_json": 15})
        assert "garbage" not in log.read_text().replace("dead-letters", "")
        assert asyncio.run(drained(kafka)) == (15, 15), "nothing of the batch is committed, whoever restarts"
    monkeypatch.setenv("BELLWETHER_DEADLETTERS", "unlimited")
    with running(WORKER, cluster, log):
        asyncio.run(until_ready(log))
        asyncio.run(until(lambda: settled(kafka)))
    assert asyncio.run(drained(kafka)) == (30, 30)
    assert bellwether("verify").code == 0
