"""The watchdog: a worker that has something to read and gets nowhere ends, so that a fresh one takes over.

Kafka consumers are known to stop fetching for no visible reason (faust-streaming/faust#523, aio-libs/aiokafka#847).
The limit is above a transaction's time-out: a hanging transaction of another producer may hide records that long.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from agents import stop
from agents.assignment import Assignment
from agents.unit_of_work import Place

LOOK_SECONDS = 5.0
STUCK_SECONDS = 120.0


class Watchdog:
    """Looks at each place's position and end of log; `now` gives seconds that only go forward."""

    def __init__(self, assignment: Assignment, now: Callable[[], float] = monotonic) -> None:
        self._assignment = assignment
        self._now = now
        self._moved_at: dict[Place, float] = {}
        self._last: dict[Place, int] = {}
        self._unready_since: float | None = None

    async def run(self) -> None:
        """Look for ever; ends the process when something is stuck."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if stuck := self.stuck(await self._assignment.lags()):
                stop.at_once(stop.Code.NO_PROGRESS, "no_progress", stuck=stuck, limit_seconds=STUCK_SECONDS)

    def stuck(self, lags: dict[Place, tuple[int, int]]) -> list[str]:
        """What has lag and hasn't moved for the limit, or that the partitions never became ready."""
        now = self._now()
        if not self._assignment.recovered.is_set():
            if self._unready_since is None:
                self._unready_since = now
            return ["not ready"] if now - self._unready_since > STUCK_SECONDS else []
        self._unready_since = None
        for place, (position, end) in lags.items():
            if position >= end or self._last.get(place) != position:
                self._moved_at[place] = now
            self._last[place] = position
        return [f"{place.topic}/{place.partition}" for place in lags if now - self._moved_at[place] > STUCK_SECONDS]
