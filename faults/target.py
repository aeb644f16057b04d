"""What a fault can reach: the servers, the network before the broker, the workers, the load."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

from agents.stack import Stack
from faults.fleet import Fleet, Slot
from faults.load import Load
from faults.proxy import Proxy
from faults.schedule import Step

FEED_SECONDS = 1.0


class Skipped(Exception):  # noqa: N818 - it says what became of it
    """A fault that can't be done on this machine; says what is missing."""


class Target(Struct, frozen=True):
    """A running group. `proxy` is None in a group without one."""

    stack: Stack
    proxy: Proxy | None
    fleet: Fleet
    load: Load

    def slot(self, step: Step) -> Slot:
        """The worker that the step is about."""
        return self.fleet.slots[step.slot]

    def need_proxy(self) -> Proxy:
        """The proxy, in a group that has one."""
        assert self.proxy is not None, "this group has no proxy"  # noqa: S101 - told in the report
        return self.proxy

    @asynccontextmanager
    async def feeding(self) -> AsyncIterator[None]:
        """Meanwhile there is always something in flight, so that whatever waits for records happens soon."""
        feeding = asyncio.ensure_future(self._feed())
        try:
            yield
        finally:
            feeding.cancel()

    async def _feed(self) -> None:
        while True:
            await self.load.until_in_flight()
            await asyncio.sleep(FEED_SECONDS)


# Does a fault and returns when it is over: how many times it was done, None for once. What it raises is what it found
# wrong: AssertionError with a text for people, TimeoutError. `Skipped` says that it can't be done here.
Way = Callable[[Target, Step], Awaitable[int | None]]
