"""A changelog that lost something, and sources that did: the worker says so and ends; how operators get on again."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
import pytest

from agents import rebuild, source_positions
from agents.demo.generator import SourceRecord, generate
from agents.demo.send import send
from agents.group_positions import committed_positions
from agents.stack import Stack
from agents.unit_of_work import Place
from agents.verify import live_tables, settled
from faults import damages
from faults.uneven import uneven
from streams import topics
from tests.integration.running import LONG_STEP_MS, addresses, running, until, until_ready

Command = Callable[..., Any]
EVENTS = 3_000
WORKER = (sys.executable, "-m", "agents.worker")
REFUSES_SECONDS_MAX = 30
SOURCE = Place("card-transactions", 0)


def ended(cluster: Stack) -> tuple[int, str]:
    """Exit code and log of a worker that must end by itself."""
    done = subprocess.run(  # noqa: S603 - our own
        WORKER, env=addresses(cluster), capture_output=True, text=True, timeout=REFUSES_SECONDS_MAX, check=False
    )
    return done.returncode, done.stdout


def take_in(cluster: Stack, log: Path, events: list[SourceRecord]) -> None:
    """A worker reads these, decides all, and is stopped."""
    with running(WORKER, cluster, log):
        asyncio.run(until_ready(log))
        asyncio.run(send(cluster.kafka, events, lambda _: None, LONG_STEP_MS))
        asyncio.run(until(lambda: settled(cluster.kafka)))


def test_a_damaged_changelog_is_refused_and_made_anew_from_the_journal(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
    kafka, events = cluster.kafka, list(generate(EVENTS, seed=5).records)
    with running(WORKER, cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log"))
        refused = bellwether("state", "rebuild")
        assert (refused.code, "Workers are running" in refused.err) == (1, True)
        asyncio.run(send(kafka, events[: EVENTS // 2], lambda _: None, LONG_STEP_MS))
        asyncio.run(until(lambda: settled(kafka)))
    whole, read = asyncio.run(live_tables(kafka)), asyncio.run(source_positions.known(kafka))
    for name, (damage, told) in damages.DAMAGES.items():
        asyncio.run(damage(kafka))
        code, log = ended(cluster)
        assert (code, "state_refused" in log, told in log) == (74, True, True), f"{name}: {log}"
        made = bellwether("state", "rebuild", "--json")
        assert made.code == 0, made.err
        assert sum(one["changed"] for one in json.loads(made.out)["partitions"]) > 0
        assert asyncio.run(live_tables(kafka)) == whole
        assert asyncio.run(source_positions.known(kafka)) == read
    take_in(cluster, tmp_path / "log", events[EVENTS // 2 :])
    verified = bellwether("verify", "--json")
    assert verified.code == 0, verified.out


def test_states_are_made_anew_as_far_as_decisions_are_out_though_the_group_knows_less(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
    kafka, events = cluster.kafka, list(generate(EVENTS, seed=5).records)
    take_in(cluster, tmp_path / "log", events[: EVENTS // 2])
    asyncio.run(rebuild.without_workers(kafka))
    for number in range(topics.PARTITIONS):
        asyncio.run(damages.move_group(kafka, Place(topics.JOURNAL.name, number), 1))
    asyncio.run(damages.emptied(kafka))
    made = bellwether("state", "rebuild", "--json")
    assert made.code == 0, made.err
    assert any(one["position"] > 1 for one in json.loads(made.out)["partitions"])
    take_in(cluster, tmp_path / "log", events[EVENTS // 2 :])
    verified = bellwether("verify", "--json")
    assert verified.code == 0, verified.out


def test_source_records_that_are_gone_stop_the_worker_until_an_operator_accepts_the_gap(
    cluster: Stack, tmp_path: Path
) -> None:
    kafka = cluster.kafka
    with running(WORKER, cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log"))
        asyncio.run(unread(kafka, 3))
        asyncio.run(until(lambda: settled(kafka)))
    reached = asyncio.run(committed_positions(kafka, topics.APP, [SOURCE]))[SOURCE]
    assert reached
    asyncio.run(unread(kafka, 10))
    asyncio.run(damages.cut(kafka, SOURCE, reached + 7))
    code, log = ended(cluster)
    assert (code, "reading_failed" in log, '"event": "ready"' in log) == (70, True, False)
    assert f"card-transactions, partition 0: offsets {reached} to {reached + 6} are gone" in log
    asyncio.run(rebuild.without_workers(kafka))
    asyncio.run(damages.move_group(kafka, SOURCE, reached + 7))
    with running(WORKER, cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log"))
        asyncio.run(until(lambda: settled(kafka)))


def test_a_source_topic_that_is_made_anew_under_a_worker_stops_it_and_is_then_read_from_its_beginning(
    cluster: Stack, tmp_path: Path
) -> None:
    kafka, log, read, refilled = cluster.kafka, tmp_path / "log", 20, 5
    with log.open("wb") as output:
        worker = subprocess.Popen(WORKER, env=addresses(cluster), stdout=output)  # noqa: S603 - our own
        try:
            asyncio.run(until_ready(log))
            asyncio.run(unread(kafka, read))
            asyncio.run(until(lambda: settled(kafka)))
            asyncio.run(damages.made_anew(kafka, SOURCE.topic, uneven({SOURCE.topic: 2})))
            asyncio.run(unread(kafka, refilled))
            code = worker.wait(REFUSES_SECONDS_MAX)
        finally:
            worker.kill()
            worker.wait()
    assert (code, "reading_failed" in log.read_text(), "LogReplaced" in log.read_text()) == (70, True, True)
    missed = rf"{SOURCE.topic}, partition [0-3]: (was away; was the topic deleted|ends at offset \d+, read up to \d+)"
    assert re.search(missed, log.read_text()), "one of them, whichever was asked for first, and why"
    asyncio.run(rebuild.without_workers(kafka))
    code, said = ended(cluster)
    assert (code, f"ends at offset {refilled}, read up to {read}" in said) == (70, True), "nobody said to begin anew"
    asyncio.run(rebuild.without_workers(kafka))
    asyncio.run(damages.move_group(kafka, SOURCE, 0))
    with running(WORKER, cluster, log):
        asyncio.run(until_ready(log))
        asyncio.run(until(lambda: settled(kafka)))
    assert asyncio.run(committed_positions(kafka, topics.APP, [SOURCE]))[SOURCE] == refilled
    asyncio.run(rebuild.without_workers(kafka))
    asyncio.run(damages.move_group(kafka, SOURCE, refilled + 7))
    code, said = ended(cluster)
    assert (code, "LogReplaced" in said, '"event": "ready"' in said) == (70, True, False)
    assert f"{SOURCE.topic}, partition 0: ends at offset {refilled}, read up to {refilled + 7}" in said


async def unread(kafka: str, count: int) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(count):
            await producer.send_and_wait(SOURCE.topic, b"{}", partition=SOURCE.partition)
