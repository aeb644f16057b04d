"""One supervised worker of a recovery run: killed, restarted, asked whether it is ready, and read from its log."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil  # type: ignore[import-untyped]  # ships no types

from agents import settings
from agents.stack.process import free_port

COMMAND = (sys.executable, "-c", "from agents.cli import main; main()", "worker")
STOP_SECONDS_MAX = 20.0
PROBE = aiohttp.ClientTimeout(total=2.0)
_ASSIGNED = re.compile(r"\d+")


class Member:
    """`bellwether worker` with one process, under its own supervisor, on a port of its own."""

    def __init__(self, number: int, addresses: Mapping[str, str], folder: Path) -> None:
        self.number = number
        self._environment = {**os.environ, **addresses, settings.HTTP: f"127.0.0.1:{free_port()}"}
        self._folder = folder
        self._logs: list[Path] = []
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the supervisor, which starts the worker."""
        self._logs.append(self._folder / f"worker-{self.number}-{len(self._logs)}.log")
        with self._logs[-1].open("wb") as output:
            self._supervisor = subprocess.Popen(COMMAND, env=self._environment, stdout=output, stderr=output)  # noqa: S603 - our own

    def kill_worker(self) -> None:
        """SIGKILL for the worker; its supervisor lives."""
        os.kill(self.worker_pid(), signal.SIGKILL)

    def worker_pid(self) -> int:
        """The running worker's process id."""
        (worker,) = self._workers()
        return int(worker.pid)

    async def stop(self) -> int:
        """SIGTERM for the supervisor; its exit code, which is the worker's."""
        assert self._supervisor is not None  # noqa: S101 - for the type checker: it was started
        self._supervisor.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._supervisor.wait, STOP_SECONDS_MAX)

    def end(self) -> None:
        """Kill whatever is left."""
        if self._supervisor is not None:
            for process in (*self._workers(), self._supervisor):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._supervisor.wait()

    async def partitions(self, session: aiohttp.ClientSession) -> int:
        """How many partitions it holds and is ready for; 0 while it isn't ready."""
        try:
            async with session.get(f"http://{self._environment[settings.HTTP]}/readyz", timeout=PROBE) as answer:
                if answer.status != HTTPStatus.OK:
                    return 0
                checks = (await answer.json())["checks"]
        except (aiohttp.ClientError, TimeoutError):
            return 0
        found = _ASSIGNED.match(checks["partitions"]["detail"])
        return int(found[0]) if found else 0

    def lines(self, since: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """What the worker logged since then, with its times."""
        for log in self._logs:
            yield from lines(log, since)

    def _workers(self) -> list[psutil.Process]:
        assert self._supervisor is not None  # noqa: S101 - for the type checker: it was started
        try:
            return list(psutil.Process(self._supervisor.pid).children())
        except psutil.NoSuchProcess:
            return []


def lines(log: Path, since: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """What a worker logged to a file since then, with its times."""
    for line in log.read_bytes().splitlines():
        if line.startswith(b"{"):  # a supervisor's own lines aren't JSON
            document = msgspec.json.decode(line)
            at = datetime.fromisoformat(document["timestamp"]).astimezone(UTC)
            if at >= since:
                yield at, document
