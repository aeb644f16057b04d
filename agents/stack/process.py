"""One server process: started with its log in a file, known again by pid and start time, ended by pid."""

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from agents.stack.errors import StackError

STOP_SECONDS_MAX = 20.0
LOG_LINES_QUOTED = 12


class Process(Struct, frozen=True):
    """A process that we started. The start time tells it from a later one that was given the same pid.

    `started_at_seconds` is the system's, comparable only with itself.
    """

    pid: int
    started_at_seconds: float

    def is_running(self) -> bool:
        """True while it is this very process; a zombie has ended."""
        found = self._find()
        return found is not None and found.status() != psutil.STATUS_ZOMBIE

    def kill(self) -> None:
        """SIGKILL, as a power cut would. Returns when it has ended."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; SIGKILL when it takes longer than `STOP_SECONDS_MAX`. Returns when it has ended."""
        try:
            self._end(signal.SIGTERM)
        except psutil.TimeoutExpired:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        found = self._find()
        if found is not None:
            found.send_signal(number)
            found.wait(STOP_SECONDS_MAX)

    def _find(self) -> psutil.Process | None:
        try:
            found = psutil.Process(self.pid)
            return found if found.create_time() == self.started_at_seconds else None
        except psutil.NoSuchProcess:
            return None


def start(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Starts `command` in a session of its own: it outlives us, and a Ctrl-C is not for it.

    posix_spawn rather than Popen, whose objects complain when they are dropped while the child runs.
    """
    with log.open("ab") as output:
        pid = os.posix_spawn(
            command[0],
            command,
            environment or os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            ],
            setsid=True,
        )
    return Process(pid, psutil.Process(pid).create_time())


def wait_until_ready(name: str, process: Process, log: Path, ready: Callable[[], bool], seconds_max: float) -> None:
    """Asks `ready` until it says yes.

    Raises:
        StackError: the process ended, or took longer than `seconds_max` (it is then stopped). Quotes its log.
    """
    deadline = time.monotonic() + seconds_max
    while not ready():
        if not process.is_running():
            raise StackError(f"{name} ended while it started. The end of its log, {log}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            process.stop()
            raise StackError(f"{name} gave no answer for {seconds_max:.0f} s. The end of its log, {log}:\n{_tail(log)}")
        time.sleep(0.05)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES_QUOTED:]) or "  (empty)"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def require_free(name: str, port: int) -> None:
    """Checks a port that somebody chose.

    Raises:
        StackError: another program listens there.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise StackError(
            f"{name} can't listen on 127.0.0.1:{port} ({error.strerror}).\n"
            "Stop what listens there, choose other ports (bellwether stack up --random-ports), or use what runs\n"
            f"there: BELLWETHER_{name.upper()}=… (see bellwether stack up --help)."
        ) from error
