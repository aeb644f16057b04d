"""Workers as child processes, for tests that watch them from outside."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agents import settings
from agents.stack import Stack

WAIT_SECONDS = 60
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
