"""One worker in service, on a real Kafka and a real Redis: idle, fed, with Redis away, and told to stop."""

import asyncio
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents import journal_dump, settings, stop
from agents.demo.generator import generate
from agents.demo.poison import Poisoned
from agents.demo.send import send
from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place
from agents.verify import settled, verify
from streams import topics
from streams.journal import Tick
from tests.integration.running import LONG_STEP_MS, addresses, end, running, until, until_ready, views_equal_states

EVENTS = 15_000
TICKS = 3
ROOM_BYTES = 8_000  # more than a log has until then, less than a partition's states
LOAD_EVENTS = 200_000  # far more than are taken in before Kafka hangs
SUPERVISOR = (str(Path(sys.executable).with_name("bellwether")), "worker")


@contextmanager
def worker(cluster: Stack, log: Path) -> Iterator[Path]:
    """One worker process that is ready; its log."""
    with running((sys.executable, "-m", "agents.worker"), cluster, log):
        asyncio.run(until_ready(log))
        yield log


async def ticks(kafka: str) -> dict[int, list[int]]:
    """The ticks in the journal, per partition, in order."""
    found: dict[int, list[int]] = {number: [] for number in range(topics.PARTITIONS)}
    async for number, record in journal_dump.read(kafka):
        if isinstance(record.entry, Tick):
            found[number].append(record.entry.at_ms)
    return found


def asked(log: Path, path: str) -> str:
    """What a worker answers over HTTP."""
    url = re.search(r'"url": "([^"]+)"', log.read_text())
    assert url
    with urllib.request.urlopen(f"{url[1]}/{path}") as answer:  # noqa: S310 - its own address
        return str(answer.read().decode())


def metric(log: Path, name: str) -> float:
    """The sum of a metric's values over its labels."""
    lines = asked(log, "metrics").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def test_ticks_keep_coming_while_nothing_else_does(cluster: Stack, tmp_path: Path) -> None:
    async def enough() -> bool:
        return all(len(times) >= TICKS for times in (await ticks(cluster.kafka)).values())

    with worker(cluster, tmp_path / "log"):
        asyncio.run(until(enough))
    for times in asyncio.run(ticks(cluster.kafka)).values():
        assert times == sorted(set(times)), "a tick never goes back"


def test_dead_letters_and_metrics_count_exactly(cluster: Stack, tmp_path: Path) -> None:
    records = Poisoned(generate(EVENTS, seed=5).records, EVENTS)
    with worker(cluster, tmp_path / "log") as log:
        asyncio.run(send(cluster.kafka, records, lambda _: None, LONG_STEP_MS))
        asyncio.run(until(lambda: settled(cluster.kafka)))
        counted = {
            name: metric(log, f"bellwether_{name}_total") for name in ("records", "dead_letters", "journal_entries")
        }
        scraped = metric(log, "bellwether_decisions_total")
    letters, decisions = asyncio.run(published(cluster.kafka))
    assert letters == records.reasons
    assert counted["dead_letters"] == letters.total()
    assert scraped == decisions
    assert counted["records"] - counted["dead_letters"] <= counted["journal_entries"]


async def published(kafka: str) -> tuple[Counter[str], int]:
    """Dead letters by reason, and how many decisions there are."""
    letters: Counter[str] = Counter()
    decisions = 0
    names = (topics.DEAD_LETTERS.name, topics.DECISIONS.name)
    places = [Place(name, number) for name in names for number in range(topics.PARTITIONS)]
    async for place, records in committed_records(kafka, places):
        if place.topic == topics.DECISIONS.name:
            decisions += len(records)
        else:
            letters.update(dict(record.headers)["bellwether.reason"].decode() for record in records)
    return letters, decisions


def test_decisions_go_on_while_redis_is_away_and_the_view_catches_up(cluster: Stack, tmp_path: Path) -> None:
    cluster.kill_redis()
    with worker(cluster, tmp_path / "log") as log:
        asyncio.run(send(cluster.kafka, generate(EVENTS, seed=6).records, lambda _: None, LONG_STEP_MS))
        asyncio.run(until(lambda: settled(cluster.kafka)))
        assert metric(log, "bellwether_decisions_total") > 0
        assert metric(log, "bellwether_views_behind_entries") > 0
        cluster.start_redis()
        asyncio.run(until(lambda: views_equal_states(cluster.kafka, cluster.redis)))


def test_states_in_files_are_those_of_the_changelog_also_after_a_restart(
    cluster: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.STATE_DIRECTORY, str(tmp_path))
    records = list(generate(EVENTS // 3, seed=7).records)
    for number, some in enumerate((records[: EVENTS // 6], records[EVENTS // 6 :])):
        with worker(cluster, tmp_path / f"log-{number}"):
            asyncio.run(send(cluster.kafka, some, lambda _: None, LONG_STEP_MS))
            asyncio.run(until(lambda: settled(cluster.kafka)))
            asyncio.run(until(lambda: views_equal_states(cluster.kafka, cluster.redis)))
    evidence, problems = asyncio.run(verify(cluster.kafka))
    assert not problems
    assert sum(map(len, evidence.tables.values())) > EVENTS // 1500


def test_where_there_is_no_room_for_states_a_worker_ends_and_says_where(
    cluster: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.STATE_DIRECTORY, str(tmp_path))
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen((sys.executable, "-m", "agents.worker"), env=addresses(cluster), stdout=output)
    sending = multiprocessing.get_context("spawn").Process(target=load, args=(cluster.kafka,))
    try:
        asyncio.run(until_ready(log))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (ROOM_BYTES, resource.RLIM_INFINITY))
        sending.start()
        assert process.wait(60) == stop.Code.BATCH_FAILED
        assert f"[Errno 27] File too large: 'states in {tmp_path}'" in log.read_text()
    finally:
        process.kill()
        process.wait()
        sending.kill()
        sending.join()


def test_told_to_stop_while_kafka_hangs_a_worker_ends_of_itself_before_its_supervisor_kills_it(
    cluster: Stack, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        supervisor = subprocess.Popen(SUPERVISOR, env=addresses(cluster), stdout=output, stderr=output)  # noqa: S603 - our own
    try:
        asyncio.run(until_a_unit_hangs(cluster, log))
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(60) == stop.Code.TIMED_OUT
        assert "drain_took_too_long" in log.read_text()
    finally:
        os.kill(cluster.pids["kafka"], signal.SIGCONT)
        end(supervisor)


def test_told_to_stop_while_kafka_is_away_a_worker_with_nothing_under_way_ends_cleanly(
    cluster: Stack, tmp_path: Path
) -> None:
    with worker(cluster, tmp_path / "log") as log:
        asyncio.run(until_ready(log))
        asyncio.run(until(lambda: settled(cluster.kafka)))
        cluster.kill_kafka()


async def until_a_unit_hangs(cluster: Stack, log: Path) -> None:
    """Under load, the broker freezes; returns when a unit of work has been under way for more than a second."""

    async def taking_in() -> bool:
        return metric(log, "bellwether_records_total") > 0

    async def hangs() -> bool:
        return '"ok":true,"detail":"the oldest under way began 0.' not in asked(log, "livez")

    await until_ready(log)
    sending = multiprocessing.get_context("spawn").Process(target=load, args=(cluster.kafka,))
    sending.start()
    try:
        await until(taking_in)
        os.kill(cluster.pids["kafka"], signal.SIGSTOP)
        await until(hangs)
    finally:
        sending.kill()
        sending.join()


def load(kafka: str) -> None:
    """In a process of its own: a producer can't be closed while Kafka hangs."""
    asyncio.run(send(kafka, generate(LOAD_EVENTS, seed=8).records, lambda _: None))
