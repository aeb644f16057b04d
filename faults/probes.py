"""What the workers say of themselves while nothing can move: alive all the time, and soon no longer ready."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp

from faults.fleet import Fleet, Slot

UNREADY_SECONDS_MAX = 15.0
PAUSE_SECONDS = 0.5
PATIENCE = aiohttp.ClientTimeout(total=2.0)
_URL = re.compile(r'"url": "([^"]+)"')


class Heard:
    """What was heard of the probes, and what of it was wrong, each once."""

    def __init__(self) -> None:
        self.answers = 0
        self.wrong: dict[str, str] = {}

    def note(self, slot: Slot, path: str, status: int, seconds: float, *, cut_off: bool) -> None:
        """One answer, so many seconds after everything stood still; `cut_off`: that worker surely does."""
        self.answers += 1
        who = f"worker {slot.number}'s {path}"
        if path == "livez" and status != HTTPStatus.OK:
            self.wrong.setdefault(who, f"{who} said {status} after {seconds:.0f} s")
        if path == "readyz" and status == HTTPStatus.OK and cut_off and seconds > UNREADY_SECONDS_MAX:
            self.wrong.setdefault(who, f"{who} said {status} after {seconds:.0f} s without Kafka")


@asynccontextmanager
async def honest(fleet: Fleet, cut_off: Callable[[Slot], bool]) -> AsyncIterator[None]:
    """Asks all workers' probes meanwhile. A worker that is gone says nothing, which is as honest as 503.

    Raises:
        AssertionError: one said that it is ready though it was cut off, or that it isn't alive.
    """
    heard = Heard()
    asking = asyncio.ensure_future(_ask_for_ever(fleet, cut_off, heard))
    try:
        yield
        if asking.done():
            asking.result()
    finally:
        asking.cancel()
    assert heard.answers, "no worker's probe ever answered"  # noqa: S101 - told in the report
    assert not heard.wrong, "; ".join(heard.wrong.values())  # noqa: S101 - told in the report


async def _ask_for_ever(fleet: Fleet, cut_off: Callable[[Slot], bool], heard: Heard) -> None:
    began_at = fleet.now()
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        while True:
            for slot in list(fleet.slots):
                for path in ("livez", "readyz"):
                    status = await _status(session, slot, path)
                    if status is not None:
                        heard.note(slot, path, status, fleet.now() - began_at, cut_off=cut_off(slot))
            await asyncio.sleep(PAUSE_SECONDS)


async def _status(session: aiohttp.ClientSession, slot: Slot, path: str) -> int | None:
    """What it answers; None if it isn't there, or hasn't said where it is."""
    found = _URL.search(slot.log.read_text(errors="replace")) if slot.log.exists() else None
    if found is None:
        return None
    try:
        async with session.get(f"{found[1]}/{path}") as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None
