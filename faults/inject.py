"""Rounds of faults, and for each fault whether it hit while records were in flight, and whether work went on."""

import asyncio

from msgspec import Struct

from faults.schedule import Step
from faults.target import Skipped, Target
from faults.ways import way_of

PROGRESS_SECONDS_MAX = 180.0


class Done(Struct, frozen=True):
    """One fault that was done.

    Attributes:
        in_flight: source records sent and not taken in when it hit; 0 is a miss.
        wrong: what the fault itself showed to be wrong; empty is well.
        seconds: from the fault's end to progress.
        times: how many kills a burst was, how many answers were lost, how many workers joined.
        skipped: why it wasn't done; empty if it was.
    """

    row: str
    fault: str
    at_seconds: float
    in_flight: int
    seconds: float
    wrong: str = ""
    times: int = 1
    skipped: str = ""


class Injector:
    """Does the steps of a round to a running group; `done` grows."""

    def __init__(self, target: Target) -> None:
        self.done: list[Done] = []
        self._site = target

    async def round(self, steps: list[Step]) -> None:
        """All steps, overlapping; returns when the workers are ready and get on."""
        await self._site.fleet.until_ready()
        await asyncio.gather(*map(self._step, steps))

    async def _step(self, step: Step) -> None:
        fleet, load = self._site.fleet, self._site.load
        await load.until_in_flight()
        await asyncio.sleep(step.after_seconds)
        in_flight, at_seconds = await load.until_in_flight(), fleet.now()
        wrong, skipped, times = "", "", 1
        try:
            times = await way_of(step.fault)(self._site, step) or 1
        except (TimeoutError, AssertionError) as error:
            wrong = f"{type(error).__name__}: {error}"
        except Skipped as error:
            skipped, times = str(error), 0
        ended_at = fleet.now()
        try:
            async with asyncio.timeout(PROGRESS_SECONDS_MAX):
                await load.until_progress()
        except TimeoutError:
            wrong = wrong or f"no progress in {PROGRESS_SECONDS_MAX:.0f} s"
        seconds = fleet.now() - ended_at
        self.done.append(Done(step.row, step.fault, at_seconds, in_flight, seconds, wrong, times, skipped))
