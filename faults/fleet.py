"""The workers of a run: started, killed, frozen, told to stop, and started again. Only processes of our own."""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from agents import settings
from agents.crash_points import EXIT_CODE, VARIABLE
from agents.supervisor import pause_seconds

POLL_SECONDS = 0.05
STOP_SECONDS_MAX = 20.0
READY_SECONDS_MAX = 180.0
READY = '"event": "ready"'


class Ending(Struct, frozen=True):
    """How one worker process ended, and why we think so: `told` is what we had done to it, empty if nothing."""

    slot: int
    at_seconds: float
    code: int
    told: str


class Recovery(Struct, frozen=True):
    """From what ended a worker to the readiness of one after it; `pause_seconds` is the schedule's part of it."""

    slot: int
    at_seconds: float
    seconds: float
    pause_seconds: float
    told: str


class Slot:
    """A worker that is kept running; what is set here is for its next end and its next start."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        self.pause_seconds = 0.0
        self.crash_at = ""
        self.limits: dict[int, int] = {}
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.told = ""
        self.starts = 0
        self._fleet = fleet
        self.leaving = False
        self._failures = 0
        self._ended: Ending | None = None
        self._paused = 0.0

    @property
    def log(self) -> Path:
        """The log of the current process."""
        return self._fleet.folder / f"worker-{self.number}-{self.starts}.log"

    async def keep(self) -> None:
        """Run, and run again after each end, until it leaves."""
        while not self.leaving:
            await self._start()
            ready = asyncio.ensure_future(self._note_ready())
            assert self.process is not None  # noqa: S101 - for the type checker: it was started
            code = await self.process.wait()
            ready.cancel()
            await self._pause(self._note_end(code))

    def kill(self, pause_seconds: float, crash_at: str = "", told: str = "killed") -> None:
        """Kill -9; the next one starts after a pause, with a crash point armed if one is named."""
        self.pause_seconds, self.crash_at = pause_seconds, crash_at
        self.send(signal.SIGKILL, told)

    def send(self, number: signal.Signals, told: str) -> None:
        """Signal the current process, if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.told = told
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    async def leave(self) -> None:
        """A clean stop, for good."""
        self.leaving = True
        self.send(signal.SIGTERM, "told to stop")

    async def until_back(self, starts: int, readies: int, seconds_max: float) -> None:
        """Return when that process, of so many starts, became ready once more, or one after it is ready."""
        async with asyncio.timeout(seconds_max):
            while self.starts == starts and self.readies() == readies:  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(POLL_SECONDS)
        await self.until_ready()

    async def until_ready(self, seconds_max: float = READY_SECONDS_MAX) -> None:
        """Return when the current process, or the one after it, holds partitions or knows that it gets none."""
        async with asyncio.timeout(seconds_max):
            while not self._says_ready():  # noqa: ASYNC110 - another process's log
                await asyncio.sleep(POLL_SECONDS)

    async def until_started_again(self, starts: int) -> None:
        """Return when a process after the one of that many starts runs."""
        async with asyncio.timeout(READY_SECONDS_MAX):
            while self.starts <= starts:  # noqa: ASYNC110 - another process's end
                await asyncio.sleep(POLL_SECONDS)

    def readies(self) -> int:
        """How often the current process has become ready."""
        return self.log.read_text(errors="replace").count(READY) if self.log.exists() else 0

    async def until_ended(self, starts: int, seconds_max: float) -> None:
        """Return when the process of that many starts has ended."""
        async with asyncio.timeout(seconds_max):
            while self.starts == starts and (self.process is None or self.process.returncode is None):  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)

    def _says_ready(self) -> bool:
        running = self.process is not None and self.process.returncode is None
        return running and self.readies() > 0

    async def _start(self) -> None:
        self.starts += 1
        self.process = None  # the one before has ended: nobody shall take it for this one
        limits, self.limits = self.limits, {}
        environment = {**os.environ, **self._fleet.environment}
        if self.number % 2:  # states go from workers that keep them in memory to workers that don't, and back
            environment[settings.STATE_DIRECTORY] = str(self._fleet.folder)
        if self.crash_at:
            environment[VARIABLE] = self.crash_at
        self.crash_at = ""
        with self.log.open("wb") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self._fleet.command, env=environment, stdout=output, stderr=output
            )
        for kind, most in limits.items():
            resource.prlimit(self.process.pid, kind, (most, most))

    async def _note_ready(self) -> None:
        await self.until_ready(3600)
        ended, self._ended = self._ended, None
        self._failures = 0
        if ended is not None:
            seconds = self._fleet.now() - ended.at_seconds
            self._fleet.recoveries.append(Recovery(self.number, ended.at_seconds, seconds, self._paused, ended.told))

    def _note_end(self, code: int) -> float:
        """Write it down; how long to wait before the next start."""
        told = "crash point" if code == EXIT_CODE else self.told
        ending = Ending(self.number, self._fleet.now(), code, told)
        self._fleet.endings.append(ending)
        self.told = ""
        if told:
            self._ended, self._paused = ending, self.pause_seconds
            return self.pause_seconds
        if self._ended is None:
            self._ended, self._paused = ending, 0.0
        self._failures += 1
        return pause_seconds(self._failures)

    async def _pause(self, seconds: float) -> None:
        if not self.leaving:
            await asyncio.sleep(seconds)
            await self.may_start.wait()


class Fleet:
    """Workers on one stack, logging below `folder`; `command` starts one."""

    def __init__(self, command: Sequence[str], addresses: Mapping[str, str], folder: Path) -> None:
        self.command = command
        self.environment = {**addresses, settings.HTTP: "127.0.0.1:0"}
        self.folder = folder
        self.endings: list[Ending] = []
        self.recoveries: list[Recovery] = []
        self.slots: list[Slot] = []
        self._all: list[Slot] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._began_at = time.monotonic()

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began_at

    def add(self) -> Slot:
        """One more worker."""
        slot = Slot(self, len(self._all))
        self.slots.append(slot)
        self._all.append(slot)
        self._tasks[slot.number] = asyncio.ensure_future(slot.keep())
        return slot

    async def remove(self, slot: Slot) -> None:
        """One worker fewer, after a clean stop."""
        self.slots.remove(slot)
        await slot.leave()
        await self._finished(slot)

    async def until_ready(self) -> None:
        """Return when every worker has been ready."""
        await asyncio.gather(*(slot.until_ready() for slot in self.slots))

    async def stop(self) -> None:
        """All workers stop cleanly."""
        await asyncio.gather(*(self.remove(slot) for slot in list(self.slots)))

    async def end(self) -> None:
        """Whatever is left is killed, frozen or not."""
        for slot in self._all:
            slot.leaving = True
            slot.send(signal.SIGKILL, "killed")
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*(slot.process.wait() for slot in self._all if slot.process is not None))

    async def _finished(self, slot: Slot) -> None:
        task = self._tasks[slot.number]
        _, waiting = await asyncio.wait({task}, timeout=STOP_SECONDS_MAX)
        if waiting:
            slot.send(signal.SIGKILL, "killed: it didn't stop")
            await asyncio.wait({task}, timeout=STOP_SECONDS_MAX)


def worker_command(allowance: str, bug: int | None = None) -> list[str]:
    """What starts a worker, with a bug planted in it if that is asked for."""
    planted = ["--bug", str(bug)] if bug else []
    return [sys.executable, "-m", "faults.worker", "--allowance", allowance, *planted]
