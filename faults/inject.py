"""How each fault is done, and whether it hit while records were in flight."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis

from agents.stack import Stack
from faults import proxy as network
from faults.fleet import Fleet, Slot
from faults.load import Load
from faults.proxy import Proxy
from faults.schedule import Step

CRASH_SECONDS_MAX = 90.0
FENCED_SECONDS_MAX = 60.0
HALF_OPEN_SECONDS_MAX = 150.0
STOP_SECONDS_MAX = 10.0
PROGRESS_SECONDS_MAX = 180.0
BURST_READY_SECONDS_MAX = 60.0
SWALLOW_SECONDS_MAX = 60.0
FEED_SECONDS = 1.0
STORM_SECONDS = 2.0
STORM_WORKERS_MAX = 4
ANSWERS = {
    "EndTxn": network.END_TXN,
    "TxnOffsetCommit": network.TXN_OFFSET_COMMIT,
    "InitProducerId": network.INIT_PRODUCER_ID,
}


class Done(Struct, frozen=True):
    """One fault that was done.

    Attributes:
        in_flight: source records sent and not taken in when it hit; 0 is a miss.
        wrong: what the fault itself showed to be wrong; empty is well.
        seconds: from the fault's end to progress.
        times: how many kills a burst was, how many answers were lost, how many workers joined.
    """

    row: str
    fault: str
    at_seconds: float
    in_flight: int
    seconds: float
    wrong: str = ""
    times: int = 1


class Injector:
    """Does the steps of a round to a running group; `done` grows."""

    def __init__(self, stack: Stack, proxy: Proxy | None, fleet: Fleet, load: Load) -> None:
        self.done: list[Done] = []
        self._stack = stack
        self._proxy = proxy
        self._fleet = fleet
        self._load = load

    async def round(self, steps: list[Step]) -> None:
        """All steps, overlapping; returns when the workers are ready and get on."""
        await self._fleet.until_ready()
        await asyncio.gather(*map(self._step, steps))

    async def _step(self, step: Step) -> None:
        await self._load.until_in_flight()
        await asyncio.sleep(step.after_seconds)
        in_flight, at_seconds = await self._load.until_in_flight(), self._fleet.now()
        wrong, times = "", 1
        try:
            times = await self._how(step.fault)(step) or 1
        except (TimeoutError, AssertionError) as error:
            wrong = f"{type(error).__name__}: {error}"
        ended_at = self._fleet.now()
        try:
            async with asyncio.timeout(PROGRESS_SECONDS_MAX):
                await self._load.until_progress()
        except TimeoutError:
            wrong = wrong or f"no progress in {PROGRESS_SECONDS_MAX:.0f} s"
        seconds = self._fleet.now() - ended_at
        self.done.append(Done(step.row, step.fault, at_seconds, in_flight, seconds, wrong, times))

    def _how(self, fault: str) -> Callable[[Step], Awaitable[int | None]]:
        head, _, rest = fault.partition(" ")
        if head == "Redis":
            return {
                "kill": self._redis_away,
                "restart empty": self._redis_restarted,
                "flush": self._redis_flushed,
                "freeze": self._redis_frozen,
                "full": self._redis_full,
            }[rest]
        return {
            "kill": self._kill,
            "freeze": self._freeze,
            "stop": self._stop,
            "burst": self._burst,
            "storm": self._storm,
            "crash": self._crash,
            "broker": self._broker_kill,
            "swallow": self._swallow,
        }.get(head, self._network)

    def _slot(self, step: Step) -> Slot:
        return self._fleet.slots[step.slot]

    async def _kill(self, step: Step) -> None:
        slot = self._slot(step)
        starts = slot.starts
        slot.kill(step.numbers["pause_seconds"])
        await slot.until_started_again(starts)
        await slot.until_ready()

    async def _crash(self, step: Step) -> None:
        """A worker with an armed point takes the place of the one there is; it dies at that point, of itself."""
        slot, said = self._slot(step), f"{step.numbers['point']}:{step.numbers['passes']}"
        starts = slot.starts
        slot.kill(0.0, said)
        await slot.until_started_again(starts)
        feeding = asyncio.ensure_future(self._feed())
        try:
            await slot.until_ended(starts + 1, CRASH_SECONDS_MAX)
        except TimeoutError as error:
            raise AssertionError(f"{said} was never reached") from error
        finally:
            feeding.cancel()
        await slot.until_started_again(starts + 1)
        await slot.until_ready()

    async def _feed(self) -> None:
        """So that every point is passed often enough, soon."""
        while True:
            await self._load.until_in_flight()
            await asyncio.sleep(FEED_SECONDS)

    async def _freeze(self, step: Step) -> None:
        """Past its session; then it either finds itself fenced and ends, or had nothing under way and joins again."""
        slot = self._slot(step)
        starts, readies = slot.starts, slot.readies()
        slot.send(signal.SIGSTOP, "")
        await asyncio.sleep(step.numbers["seconds"])
        slot.send(signal.SIGCONT, "")
        await slot.until_back(starts, readies, FENCED_SECONDS_MAX)

    async def _stop(self, step: Step) -> None:
        slot = self._slot(step)
        starts, told_at = slot.starts, self._fleet.now()
        slot.pause_seconds = 0.1
        slot.send(signal.SIGTERM, "told to stop")
        await slot.until_started_again(starts)
        ending = next(one for one in reversed(self._fleet.endings) if one.slot == slot.number)
        took = ending.at_seconds - told_at
        assert ending.code == 0, f"exit code {ending.code} after SIGTERM"  # noqa: S101 - told in the report
        assert took < STOP_SECONDS_MAX, f"took {took:.1f} s to stop"  # noqa: S101 - told in the report
        await slot.until_ready()

    async def _burst(self, step: Step) -> int:
        for number, pause_seconds in enumerate(step.numbers["pauses"]):
            self._fleet.slots[number % 2].kill(0.1, told="burst")
            await asyncio.sleep(pause_seconds)
        async with asyncio.timeout(BURST_READY_SECONDS_MAX):
            await self._fleet.until_ready()
        return len(step.numbers["pauses"])

    async def _storm(self, step: Step) -> int:
        """Workers join and leave every two seconds."""
        joined = 0
        began_at = self._fleet.now()
        guests: list[Slot] = []
        while self._fleet.now() - began_at < step.numbers["seconds"]:
            if len(guests) < STORM_WORKERS_MAX:
                guests.append(self._fleet.add())
                joined += 1
            else:
                await self._fleet.remove(guests.pop(0))
            await asyncio.sleep(STORM_SECONDS)
        await asyncio.gather(*map(self._fleet.remove, guests))
        return joined

    async def _broker_kill(self, step: Step) -> None:
        await asyncio.to_thread(self._stack.kill_kafka)
        await asyncio.sleep(step.numbers["away_seconds"])
        await asyncio.to_thread(self._stack.start_kafka)

    async def _redis_away(self, step: Step) -> None:
        await asyncio.to_thread(self._stack.kill_redis)
        await asyncio.sleep(step.numbers["seconds"])
        await asyncio.to_thread(self._stack.start_redis)

    async def _redis_restarted(self, _: Step) -> None:
        await asyncio.to_thread(self._stack.kill_redis)
        await asyncio.to_thread(self._stack.start_redis)

    async def _redis_flushed(self, _: Step) -> None:
        async with Redis.from_url(self._stack.redis) as client:
            await client.flushall()

    async def _redis_frozen(self, step: Step) -> None:
        process = self._stack.redis_part.process
        assert process is not None, "Redis isn't ours"  # noqa: S101 - told in the report
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
            await asyncio.sleep(step.numbers["seconds"])
            os.kill(process.pid, signal.SIGCONT)

    async def _redis_full(self, step: Step) -> None:
        async with Redis.from_url(self._stack.redis) as client:
            await client.config_set("maxmemory", "1mb")
            await asyncio.sleep(step.numbers["seconds"])
            await client.config_set("maxmemory", "0")

    async def _network(self, step: Step) -> None:
        proxy = self._need_proxy()
        ways: dict[str, Callable[[], Awaitable[Any]]] = {
            "cut 1 s": lambda: proxy.cut(step.numbers["seconds"]),
            "cut 10 s": lambda: proxy.cut(step.numbers["seconds"]),
            "slow": lambda: proxy.slow(step.numbers["seconds"]),
            "slices": lambda: proxy.slice(step.numbers["seconds"]),
            "reset": proxy.reset,
            "half-open": self._half_open,
        }
        await ways[step.fault]()

    async def _half_open(self) -> None:
        """Until each worker has noticed by itself: its own time-outs end it, or it joins again."""
        known = [(slot, slot.starts, slot.readies()) for slot in self._fleet.slots]
        await self._need_proxy().half_open()
        feeding = asyncio.ensure_future(self._feed())
        await asyncio.gather(
            *(slot.until_back(starts, readies, HALF_OPEN_SECONDS_MAX) for slot, starts, readies in known)
        )
        feeding.cancel()

    async def _swallow(self, step: Step) -> int:
        """An answer that nobody hears. `InitProducerId` is asked at a start: a worker is killed for it."""
        answer, count = step.numbers["answer"], step.numbers["count"]
        proxy, slot = self._need_proxy(), self._fleet.slots[0]
        swallowing = asyncio.ensure_future(proxy.swallow(ANSWERS[answer], count, SWALLOW_SECONDS_MAX))
        if answer == "InitProducerId":
            slot.kill(0.1, told="answer lost")
        feeding = asyncio.ensure_future(self._feed())
        swallowed = await swallowing
        feeding.cancel()
        assert swallowed, f"no answer to {answer} came by"  # noqa: S101 - told in the report
        await self._fleet.until_ready()
        return swallowed

    def _need_proxy(self) -> Proxy:
        assert self._proxy is not None, "this group has no proxy"  # noqa: S101 - told in the report
        return self._proxy
