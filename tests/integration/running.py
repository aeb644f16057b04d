"""Workers as child processes, for tests that watch them from outside."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import redis

from agents import settings
from agents.demo.timeline import DAY_MS
from agents.kafka_reader import read_table
from agents.stack import Stack
from streams import topics
from streams.partition_record import RESERVED_KEYS
from streams.view import describe

WAIT_SECONDS = 60
# Of generated records that are there to be counted, damaged or verified, whatever is decided on them: with the demo's
# own steps a test would make ten times as many transactions as it needs.
LONG_STEP_MS = 30 * DAY_MS
STOP_SECONDS = 15  # a worker has ten, its supervisor waits for it


def addresses(cluster: Stack) -> dict[str, str]:
    """A worker's environment."""
    own = {settings.KAFKA: cluster.kafka, settings.REDIS: cluster.redis, settings.HTTP: "127.0.0.1:0"}
    return {**os.environ, **own}


@contextmanager
def running(command: Sequence[str], cluster: Stack, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The process; afterwards it is told to stop and must do so cleanly."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=addresses(cluster), stdout=output)  # noqa: S603 - our own
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def end(supervisor: "subprocess.Popen[bytes]") -> None:
    """If it still runs: kill it and all that it started, and nothing else that this process may have started."""
    if supervisor.poll() is None:
        for one in (*psutil.Process(supervisor.pid).children(recursive=True), psutil.Process(supervisor.pid)):
            one.kill()
    supervisor.wait()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = WAIT_SECONDS) -> None:
    """Wait until it holds; fails after the limit."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - another process's doing has no event to wait for
            await asyncio.sleep(0.2)


async def until_ready(log: Path, workers: int = 1) -> None:
    """Wait until so many workers hold partitions."""

    async def ready() -> bool:
        return log.read_text().count('"event": "ready"') >= workers  # noqa: ASYNC240 - a short file

    await until(ready)


async def views_equal_states(kafka: str, address: str) -> bool:
    """Whether Redis shows every customer exactly as the state in the changelog has it."""
    client = redis.Redis.from_url(address)
    for table in (await read_table(kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))).values():
        for key in table.keys() - RESERVED_KEYS:
            wanted = describe(key.decode(), table[key])
            name = f"bellwether:customer:{wanted.customer}"
            if client.hget(name, "document") != wanted.document:
                return False
    client.close()
    return True
