"""The processes of a run: workers started and ended, and what each process has used."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from agents.stack.process import free_port

PROFILE = "BELLWETHER_BENCH_PROFILE"  # a file: the workers then run under cProfile, and their CPU says nothing
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
_READY = re.compile(r"\bready\b")


class Workers(Struct):
    """Running worker processes and the files that they log to."""

    processes: list[subprocess.Popen[bytes]]
    logs: list[Path]

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self.processes]

    def wait_until_ready(self) -> None:
        """Return when the first worker reads.

        Raises:
            RuntimeError: one ended, or none is ready in a minute.
        """
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not any(_READY.search(log.read_text()) for log in self.logs):
            self.require_running()
            if time.monotonic() > deadline:
                raise RuntimeError(f"No worker was ready in {READY_SECONDS_MAX:.0f} s. {self._last_words()}")
            time.sleep(0.01)

    def require_running(self) -> None:
        """Raises RuntimeError when a worker has ended."""
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError(f"A worker ended in the middle of the run. {self._last_words()}")

    def stop(self) -> None:
        """End them: a clean stop, killed if it takes too long."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _last_words(self) -> str:
        return "Its log ends:\n" + "\n".join(log.read_text()[-2000:] for log in self.logs)


@contextmanager
def workers(count: int, folder: Path, addresses: Mapping[str, str]) -> Iterator[Workers]:
    """Worker processes for the time of a `with` block, logging below `folder`."""
    logs = [folder / f"worker-{index}.log" for index in range(count)]
    processes = [_start(log, addresses) for log in logs]
    running = Workers(processes, logs)
    try:
        yield running
    finally:
        running.stop()


def _start(log: Path, addresses: Mapping[str, str]) -> subprocess.Popen[bytes]:
    own = {"BELLWETHER_HTTP": f"127.0.0.1:{free_port()}"}
    profile = os.environ.get(PROFILE)
    profiler = ["-m", "cProfile", "-o", f"{profile}-{log.stem}"] if profile else []
    command = [sys.executable, *profiler, "-m", "agents.worker"]
    with log.open("wb") as output:
        return subprocess.Popen(command, env={**os.environ, **addresses, **own}, stdout=output, stderr=output)  # noqa: S603 - our own worker


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and their children, ended ones included."""
    trees = [[root, *root.children(recursive=True)] for root in map(psutil.Process, pids)]
    return sum(sum(process.cpu_times()[:4]) for tree in trees for process in tree)


def resident_bytes(pids: Iterable[int]) -> int:
    """Memory that these processes hold."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)
