"""Runs worker processes and restarts those that stop; a worker stops rather than go on in doubt.

The pause before a restart doubles from half a second to ten, so that a broker that is away or a config that
is refused never becomes a restart storm; a worker that lived for a minute starts again from the shortest pause. What
a restart can't mend, a wrong password say, ends them all: whoever started us sees the code, and what the worker said.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping

import structlog

from agents import stop

log = structlog.get_logger()
PAUSE_SECONDS_MIN = 0.5
PAUSE_SECONDS_MAX = 10.0  # a broker that comes back must not find its workers asleep
LIVED_WELL_SECONDS = 60.0
STOP_LIMIT_SECONDS = 10.0
# What is fetched comes in pieces of megabytes. Left alone, glibc asks the kernel for each and gives it back: a seventh
# of the CPU of a recovery. Other C libraries don't look at these.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}


def worker_environment(inherited: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """What a worker process is started with; how memory is kept is the operator's to say otherwise."""
    return {**MEMORY, **inherited, **own}


def pause_seconds(failures: int) -> float:
    """How long to wait before the restart after so many failures in a row, at least one."""
    return min(PAUSE_SECONDS_MIN * (1 << min(failures - 1, 16)), PAUSE_SECONDS_MAX)


class Supervisor:
    """Keeps `processes` workers running until it is told to stop."""

    def __init__(self, processes: int, environment: Mapping[str, str], http: str) -> None:
        self._processes = processes
        self._environment = environment
        self._http = http
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT. Exit code 0 if every worker stopped cleanly, else the highest."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        codes = await asyncio.gather(*(self._keep_running(index) for index in range(self._processes)))
        return max(codes)

    async def _keep_running(self, index: int) -> int:
        failures = 0
        while True:
            began_at = time.monotonic()
            process = await self._start(index)
            code = await self._wait(process)
            if self._stopping.is_set():
                return code
            if code in stop.FINAL:
                log.error("workers_given_up", worker=index, exit_code=code)
                self._stopping.set()
                return code
            failures = 1 if time.monotonic() - began_at > LIVED_WELL_SECONDS else failures + 1
            pause = pause_seconds(failures)
            log.warning("worker_stopped", worker=index, exit_code=code, restart_in_seconds=pause)
            if await self._told_to_stop(pause):
                return 0

    async def _start(self, index: int) -> asyncio.subprocess.Process:
        host, _, port = self._http.rpartition(":")
        own = {**self._environment, "BELLWETHER_HTTP": f"{host}:{int(port) + index if int(port) else 0}"}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agents.worker", env=worker_environment(os.environ, own)
        )

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        """The worker's exit code; when it is time to stop, it has ten seconds to finish what is under way."""
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            process.send_signal(signal.SIGTERM)
            done, _ = await asyncio.wait({ended}, timeout=STOP_LIMIT_SECONDS)
            if not done:
                log.error("worker_killed", after_seconds=STOP_LIMIT_SECONDS)
                process.kill()
        return await ended

    async def _told_to_stop(self, within_seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), within_seconds)
        except TimeoutError:
            return False
        return True
