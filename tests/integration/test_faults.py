"""A load with a worker killed and one frozen past its session: what is left on Kafka equals the oracle's."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from agents import config_apply, config_files, settings, stack, topic_admin
from agents.demo.generator import generate
from agents.demo.send import ALLOWANCE, send
from agents.verify import Report, settled, verify

EVENTS = 500_000
FROZEN_SECONDS = 9  # the session is 6
SETTLED_SECONDS = 180


@pytest.fixture
def cluster() -> Iterator[stack.Stack]:
    with stack.running() as running:
        yield running


@contextmanager
def workers(cluster: stack.Stack, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Two workers under their supervisor, ended cleanly."""
    bellwether, allowance = Path(sys.executable).with_name("bellwether"), f"P{ALLOWANCE.days + 1}D"
    command = [bellwether, "worker", "--processes", "2", "--ticks", "event-time", "--allowance", allowance]
    environment = {
        **os.environ,
        settings.KAFKA: cluster.kafka,
        settings.REDIS: cluster.redis,
        settings.HTTP: "127.0.0.1:0",
    }
    with log.open("wb") as output:
        supervisor = subprocess.Popen(command, env=environment, stdout=output)
        try:
            yield supervisor
            supervisor.send_signal(signal.SIGTERM)
            assert supervisor.wait(30) == 0
        finally:
            supervisor.kill()
            supervisor.wait()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Wait until it holds; fails after the limit."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.2)


async def ready(log: Path) -> bool:
    """Both workers hold partitions."""
    return log.read_bytes().count(b'"event": "ready"') > 1


async def break_things(supervisor: subprocess.Popen[bytes], sent: list[int]) -> list[int]:
    """A kill at a third of the load, a freeze at two thirds; returns how much was sent when each hit."""
    hits = []

    async def reached(count: int) -> bool:
        return sent[-1] >= count

    await until(lambda: reached(EVENTS // 3), SETTLED_SECONDS)
    first, second = psutil.Process(supervisor.pid).children()
    first.kill()
    hits.append(sent[-1])
    await until(lambda: reached(2 * EVENTS // 3), SETTLED_SECONDS)
    second.suspend()
    hits.append(sent[-1])
    await asyncio.sleep(FROZEN_SECONDS)
    second.resume()
    return hits


async def load(cluster: stack.Stack, log: Path) -> tuple[list[int], Report]:
    await topic_admin.create(cluster.kafka)
    await config_apply.append(cluster.kafka, config_files.load(settings.PACKAGED_CONFIG), 0)
    with workers(cluster, log) as supervisor:
        await until(lambda: ready(log), SETTLED_SECONDS)
        sent = [0]
        faults = asyncio.ensure_future(break_things(supervisor, sent))
        await send(cluster.kafka, generate(EVENTS, seed=3).records, EVENTS, sent.append)
        hits = await faults
        await until(lambda: settled(cluster.kafka), SETTLED_SECONDS)
    return hits, await verify(cluster.kafka)


def test_nothing_is_lost_or_doubled_when_a_worker_is_killed_and_one_frozen(
    cluster: stack.Stack, tmp_path: Path
) -> None:
    log = tmp_path / "workers.log"
    hits, report = asyncio.run(load(cluster, log))
    assert hits[-1] < EVENTS, "both faults must hit while records are in flight"
    assert report.problems == {}, report.examples
    assert report.journaled + report.dead_letters == report.sources >= EVENTS * 0.99
    assert report.decisions["card_testing sent"]
    assert b"restart_in_seconds" in log.read_bytes(), "the killed worker was started again"
