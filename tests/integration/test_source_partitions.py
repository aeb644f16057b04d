"""Sources as a bank has them, of 1, 3 and 12 partitions; one grows, one is new, a worker is killed: nothing is lost."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest

from agents import config_apply, config_files, journal_dump, settings, sources, stack, topic_admin, verify
from agents.demo.generator import generate
from agents.demo.poison import Poisoned
from agents.demo.send import send
from agents.group_positions import committed_positions
from agents.stack import Stack
from agents.unit_of_work import Place
from faults.uneven import grow, uneven
from streams import topics
from streams.events import Purchase
from streams.journal import EventEntry, Source
from tests.integration.running import LONG_STEP_MS, addresses, running, until, until_ready

Command = Callable[..., Any]
WORKER = (sys.executable, "-m", "agents.worker")
COUNTS = {"profiles": 1, "account-movements": 3, "card-transactions": 12}
GROWS, GROWN = "account-movements", 5
NEW, NEW_PARTITIONS, NEW_RECORDS = "partner-orders", 6, 5
EVENTS = 20_000
EVENTS_BESIDE = 500
TAKEN_IN_BEFORE_KILL = 2_000


@pytest.fixture
def bank() -> Iterator[Stack]:
    """A cluster where sources have as many partitions as a bank gave them."""
    with stack.running() as running_stack:
        asyncio.run(topic_admin.create(running_stack.kafka, uneven(COUNTS)))
        asyncio.run(config_apply.append(running_stack.kafka, config_files.load(settings.PACKAGED_CONFIG), 0))
        yield running_stack


@contextmanager
def killed_under_load(bank: Stack, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is to be killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(WORKER, env=addresses(bank), stdout=output)  # noqa: S603 - our own
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def places(count_of_grown: int) -> list[Place]:
    """All partitions of the sources that were there before."""
    return [Place(name, one) for name, count in (COUNTS | {GROWS: count_of_grown}).items() for one in range(count)]


async def taken_in(kafka: str, some: list[Place]) -> dict[Place, int]:
    return {place: at or 0 for place, at in (await committed_positions(kafka, topics.APP, some)).items()}


async def load(kafka: str, seed: int, victim: subprocess.Popen[bytes] | None = None) -> None:
    """Send everything; the victim is killed once some of it is taken in."""

    async def some_taken_in() -> bool:
        return sum((await taken_in(kafka, places(COUNTS[GROWS]))).values()) > TAKEN_IN_BEFORE_KILL

    sending = asyncio.ensure_future(send(kafka, Poisoned(generate(EVENTS, seed=seed).records, EVENTS), lambda _: None))
    if victim is not None:
        await until(some_taken_in)
        assert not sending.done(), "killed under load"
        victim.send_signal(signal.SIGKILL)
    await sending
    await until(lambda: verify.settled(kafka), 240)


async def origins(kafka: str) -> dict[tuple[int, Place], list[int]]:
    """The source offsets of the entries, by journal partition and source partition, as they follow each other."""
    found: dict[tuple[int, Place], list[int]] = {}
    async for number, record in journal_dump.read(kafka):
        if isinstance(record.entry, EventEntry):
            source: Source = record.entry.source
            found.setdefault((number, Place(source.topic, source.partition)), []).append(source.offset)
    return found


def held(log: Path) -> list[list[int]]:
    """The partition numbers that a worker had, one assignment after the other."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"partitions_assigned"' in line]
    return [line["held"] for line in lines]


def test_sources_of_any_partition_count_are_read_exactly_once_whoever_dies_and_whatever_grows(
    bank: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, logs = bank.kafka, [tmp_path / f"log-{number}" for number in range(3)]
    monkeypatch.setenv("BELLWETHER_KAFKA", kafka)
    monkeypatch.setenv("BELLWETHER_TICKS", "none")
    assert bellwether("topics", "check").code == 0
    with running(WORKER, bank, logs[0]):
        with killed_under_load(bank, logs[1]) as victim:
            asyncio.run(until(lambda: both_hold(logs[:2])))
            asyncio.run(load(kafka, 1, victim))
        before = asyncio.run(taken_in(kafka, places(COUNTS[GROWS])))
        assert sum(map(bool, before.values())) > len(before) - 3, "most partitions had records"
        with running(WORKER, bank, logs[2]):
            asyncio.run(until_ready(logs[2]))
            asyncio.run(grow(kafka, GROWS, GROWN))
            asyncio.run(load(kafka, 2))
            new = set(places(GROWN)) - set(before)
            assert all(asyncio.run(taken_in(kafka, list(new))).values())
            assert [code(log) for log in logs] == [None] * 3, "nobody ended by itself"
    assert asyncio.run(verify.verify(kafka))[1] == []
    audit = json.loads(bellwether("verify", "--json").out)
    assert [one["findings"] for one in audit["checks"]] == [[]] * len(audit["checks"])
    for offsets in asyncio.run(origins(kafka)).values():
        assert offsets == sorted(offsets), "a source partition's records keep their order"


def folders(below: Path) -> tuple[Path, Path]:
    """The packaged config, and the same with one source more."""
    old, new = below / "old", below / "new"
    for folder in (old, new):
        shutil.copytree(settings.PACKAGED_CONFIG, folder)
    with (new / "sources.yaml").open("a") as said:
        said.write(f"  {NEW}: {{type: purchase}}\n")
    return old, new


async def ordered(kafka: str, step: int) -> None:
    """So many records more in each partition of the new source."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for number in range(NEW_RECORDS * NEW_PARTITIONS):
            one = Purchase(
                id=f"order-{step}-{number}",
                customer=f"customer-{number}",
                at_ms=1_774_000_000_000 + number,
                product="p",
                category="c",
                amount_minor=1,
                currency="EUR",
            )
            await producer.send_and_wait(NEW, msgspec.json.encode(one), partition=number % NEW_PARTITIONS)


async def ordered_taken_in(kafka: str) -> list[int]:
    """How many records of each partition of the new source are."""
    return list((await taken_in(kafka, [Place(NEW, one) for one in range(NEW_PARTITIONS)])).values())


def test_a_new_source_is_rolled_out_worker_by_worker(
    bank: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, logs = bank.kafka, [tmp_path / f"log-{number}" for number in range(4)]
    old, new = folders(tmp_path)
    known = sources.load(new)
    asyncio.run(topic_admin.create(kafka, uneven({NEW: NEW_PARTITIONS}, known)))
    for name, value in (("KAFKA", kafka), ("TICKS", "none"), ("CONFIG", str(old))):
        monkeypatch.setenv(f"BELLWETHER_{name}", value)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(running(WORKER, bank, logs[0]))
        second.enter_context(running(WORKER, bank, logs[1]))
        asyncio.run(until(lambda: both_hold(logs[:2])))
        asyncio.run(ordered(kafka, 0))
        monkeypatch.setenv("BELLWETHER_CONFIG", str(new))
        first.close()
        assert asyncio.run(ordered_taken_in(kafka)) == [0] * NEW_PARTITIONS, "nobody knows it yet"
        first.enter_context(running(WORKER, bank, logs[2]))
        asyncio.run(until(lambda: both_hold(logs[1:3])))
        asyncio.run(ordered(kafka, 1))
        asyncio.run(send(kafka, generate(EVENTS_BESIDE, seed=3).records, lambda _: None, LONG_STEP_MS))
        numbers = held(logs[2])[-1]
        share = [2 * NEW_RECORDS * (one % topics.PARTITIONS in numbers) for one in range(NEW_PARTITIONS)]
        asyncio.run(until(lambda: are(ordered_taken_in(kafka), share)))
        second.close()
        second.enter_context(running(WORKER, bank, logs[3]))
        asyncio.run(until(lambda: both_hold(logs[2:])))
        asyncio.run(ordered(kafka, 2))
        asyncio.run(until(lambda: verify.settled(kafka, known)))
        assert [code(log) for log in logs] == [None] * 4, "nobody ended by itself"
    assert asyncio.run(verify.verify(kafka, known))[1] == []
    found = asyncio.run(origins(kafka))
    journaled = sorted((at.partition, offset) for (_, at), some in found.items() if at.topic == NEW for offset in some)
    assert journaled == [(number, offset) for number in range(NEW_PARTITIONS) for offset in range(3 * NEW_RECORDS)]


async def are(found: Awaitable[list[int]], expected: list[int]) -> bool:
    return await found == expected


async def both_hold(logs: list[Path]) -> bool:
    """Whether each worker has some of the numbers."""
    given = [held(log) for log in logs]
    last = [one[-1] for one in given if one]
    numbers = sorted(number for some in last for number in some)
    return len(last) == len(logs) and all(last) and numbers == list(range(topics.PARTITIONS))


def code(log: Path) -> int | None:
    """With what a worker ended itself; None if it didn't."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"exit_code"' in line]
    return lines[-1]["exit_code"] if lines else None
