"""The demo's workers: `bellwether worker` as a child process, ended by its pid, with its log in a file."""

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from agents import settings
from agents.stack import Stack, process
from agents.stack.process import Process, telling_lines

PROCESSES = 2
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0  # the supervisor gives its workers ten
STATE_FILE = "workers.json"
LOG_FILE = "workers.log"


class WorkersError(Exception):
    """The workers can't do their part; says why, with the end of their log."""


class Workers(Struct):
    """Started workers. `urls`: where each answers probes and metrics."""

    process: Process
    urls: list[str]
    log: Path

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Those that were started in a stack's folder and left running; None if there are none."""
        with suppress(FileNotFoundError):
            return msgspec.json.decode(
                (folder / STATE_FILE).read_bytes(), type=cls, dec_hook=lambda kind, value: kind(value)
            )
        return None

    def save(self, folder: Path) -> None:
        """Make them known to `load`."""
        (folder / STATE_FILE).write_bytes(msgspec.json.encode(self, enc_hook=str))

    def require(self) -> None:
        """Raises WorkersError if they have ended."""
        if not self.process.is_running():
            raise self.failure("The workers ended")

    def failure(self, what: str) -> WorkersError:
        """The error to raise, with what their log says."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return WorkersError(f"{what}. From their log:\n{telling_lines(text)}")

    @property
    def restarts(self) -> int:
        """How many workers stopped by themselves and were started again."""
        return self.log.read_text(encoding="utf-8", errors="replace").count("worker_stopped")

    def wait_until_ready(self) -> None:
        """Wait until each has its partitions and their state.

        Raises:
            WorkersError: they ended, or take too long.
        """
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not all(_is_ready(url) for url in self.urls):
            self.require()
            if time.monotonic() > deadline:
                raise self.failure(f"The workers aren't ready after {READY_SECONDS_MAX:.0f} s")
            time.sleep(0.1)

    def stop(self) -> int | None:
        """Ask them to stop, and end what is still there after a while.

        Returns the supervisor's exit code, negative for a signal; None when another process started it.
        """
        family = _descendants(self.process.pid)
        if self.process.is_running():
            os.kill(self.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while self.process.is_running() and time.monotonic() < deadline:
            time.sleep(0.05)
        code = _exit_code(self.process.pid)
        self.process.kill()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()  # psutil knows it by its start time, too
        return code


def start(stack: Stack) -> Workers:
    """Start the workers on a stack; they don't tick: the time of the events is told by whoever sends these."""
    port = _free_ports()
    os.environ |= {settings.KAFKA: stack.kafka, settings.REDIS: stack.redis, settings.HTTP: f"127.0.0.1:{port}"}
    os.environ[settings.CONFIG] = str(settings.PACKAGED_CONFIG)  # the sources that the generator feeds
    command = [sys.executable, "-c", "from agents.cli import main; main()", "worker", "--processes", str(PROCESSES)]
    log = stack.folder / LOG_FILE
    started = process.start([*command, "--ticks", "none"], log)
    return Workers(started, [f"http://127.0.0.1:{port + index}" for index in range(PROCESSES)], log)


def _free_ports() -> int:
    """The first of as many free ports in a row as there are workers."""
    while True:
        first = process.free_port()
        if all(_is_free(first + index) for index in range(PROCESSES)):
            return first


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError):
        return False
    return True


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=2.0) as answer:  # noqa: S310 - our own worker's
            return bool(answer.status == HTTPStatus.OK)
    except (URLError, OSError):
        return False


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _exit_code(pid: int) -> int | None:
    """Of our own child that has ended; else None."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None
