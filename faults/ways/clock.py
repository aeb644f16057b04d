"""The workers' clock is wrong, by libfaketime, where it is installed: ahead, behind, or jumping back while they run."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from faults.fleet import Slot
from faults.schedule import Step
from faults.target import Skipped, Target, Way

LIBRARY = "faketime/libfaketimeMT.so.1"  # a worker has two threads
FOLDERS = ("/usr/lib", "/usr/local/lib", "/lib")
PROGRESS_SECONDS_MAX = 60.0
DOUBT = timedelta(minutes=1)
_TOLD_AT = re.compile(r'"timestamp": "([^"]+)"')


async def skewed(target: Target, step: Step) -> None:
    """All workers start with this clock, or it jumps there under load, and they work on."""
    skew, jumps = timedelta(minutes=step.numbers["minutes"]), step.numbers["jumps"]
    async with _fake_clock(target) as clock:
        clock.write_text("+0" if jumps else _offset(skew))
        await _restart(target)
        await _work(target)
        clock.write_text(_offset(skew))
        await _work(target)
        target.fleet.slots[0].kill(0.1)
        await _work(target)
        await target.fleet.until_ready()
        off = [_told_at(slot) - datetime.now(UTC) for slot in target.fleet.slots]
    await _restart(target)
    assert abs(off[0] - skew) < DOUBT, f"clocks are off by {off}"  # noqa: S101 - told in the report


@asynccontextmanager
async def _fake_clock(target: Target) -> AsyncIterator[Path]:
    """Workers that start meanwhile have the clock that the file says."""
    library = _library()
    if library is None:
        raise Skipped("libfaketime isn't installed")
    clock = target.fleet.folder / "clock"
    settings = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",  # seconds until a jump is seen; to read the file each time costs too much
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # no machine's monotonic clock is set
    }
    target.fleet.environment |= settings
    try:
        yield clock
    finally:
        for name in settings:
            del target.fleet.environment[name]


def _library() -> Path | None:
    return next((path for folder in FOLDERS for path in sorted(Path(folder).glob(f"**/{LIBRARY}"))), None)


async def _restart(target: Target) -> None:
    slots = [(slot, slot.starts) for slot in target.fleet.slots]
    for slot, _ in slots:
        slot.kill(0.0)
    for slot, starts in slots:
        await slot.until_started_again(starts)
    await target.fleet.until_ready()


async def _work(target: Target) -> None:
    async with asyncio.timeout(PROGRESS_SECONDS_MAX):
        await target.load.until_progress()


def _offset(skew: timedelta) -> str:
    return f"{int(skew.total_seconds()):+d}"


def _told_at(slot: Slot) -> datetime:
    """What the worker's own clock said when it last told something."""
    return datetime.fromisoformat(_TOLD_AT.findall(slot.log.read_text(errors="replace"))[-1])


WAYS: dict[str, Way] = {"clock": skewed}
