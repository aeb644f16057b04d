"""One server process: started with its log in a file, known again by pid and start time, ended by pid."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from agents.stack.errors import StackError

STOP_SECONDS_MAX = 20.0
CLOCK_SHIFT_SECONDS_MAX = 5.0  # the system tells start times by its clock, which may be set meanwhile
LOG_LINES_QUOTED = 12


class Process(Struct, frozen=True):
    """A process that we started. The start time tells it from a later one that was given the same pid.

    `started_at_seconds` is the system's, comparable only with itself.
    """

    pid: int
    started_at_seconds: float

    def is_running(self) -> bool:
        """True while it is this very process. A zombie has ended once its last thread let go of ports and files."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started_at_seconds) < CLOCK_SHIFT_SECONDS_MAX
            return same and bool(found.status() != psutil.STATUS_ZOMBIE or found.num_threads() > 1)
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up. Returns when it has ended."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; SIGKILL when it takes longer than `STOP_SECONDS_MAX`. Returns when it has ended."""
        if not self._end(signal.SIGTERM):
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> bool:
        """Signals the process if it is still the one we started, and waits; False when it is still there."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        if self.is_running():
            os.kill(self.pid, number)
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        with suppress(ChildProcessError):  # it may be another process's child
            os.waitpid(self.pid, os.WNOHANG)
        return not self.is_running()


def start(command: list[str], log: Path) -> Process:
    """Starts `command` in a session of its own: it outlives us, and a Ctrl-C is not for it.

    posix_spawn rather than Popen, whose objects complain when they are dropped while the child runs.
    """
    with log.open("ab") as output:
        pid = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            ],
            setsid=True,
        )
    return Process(pid, psutil.Process(pid).create_time())


def wait_until_ready(name: str, process: Process, log: Path, ready: Callable[[], bool], seconds_max: float) -> None:
    """Asks `ready` until it says yes; whatever stops the waiting, an interrupt too, ends the process.

    Raises:
        StackError: the process ended, or took longer than `seconds_max`. Quotes its log.
    """
    try:
        failure = _wait(process, ready, seconds_max)
    except BaseException:
        process.stop()
        raise
    if failure:
        process.stop()
        quoted = telling_lines(log.read_text(encoding="utf-8", errors="replace"))
        raise StackError(f"{name} {failure}. From its log:\n{quoted}")


def _wait(process: Process, ready: Callable[[], bool], seconds_max: float) -> str | None:
    deadline = time.monotonic() + seconds_max
    while not ready():
        if not process.is_running():
            return "ended while it started"
        if time.monotonic() > deadline:
            return f"gave no answer for {seconds_max:.0f} s"
        time.sleep(0.05)
    return None


def telling_lines(text: str) -> str:
    """What a person needs of a log: from its first error on, else its end. Indented, a dozen lines."""
    lines = text.splitlines()
    errors = (number for number, line in enumerate(lines) if "ERROR" in line or "Exception" in line)
    first = next(errors, max(0, len(lines) - LOG_LINES_QUOTED))
    return "\n".join(f"  {line}" for line in lines[first : first + LOG_LINES_QUOTED]) or "  (empty)"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """So many of them. Asked for one after the other, two may be the same."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]


def require_free(name: str, port: int) -> None:
    """Checks a port that somebody chose.

    Raises:
        StackError: another program listens there.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise StackError(
            f"{name} can't listen on 127.0.0.1:{port} ({os.strerror(error.errno or 0)}).\n"
            "Stop what listens there, choose other ports (bellwether stack up --random-ports), or use what runs\n"
            f"there: BELLWETHER_{name.upper()}=… (see bellwether stack up --help)."
        ) from error
