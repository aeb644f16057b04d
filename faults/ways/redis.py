"""Redis is killed, emptied, frozen, full."""

import asyncio
import os
import signal
from contextlib import suppress

from redis.asyncio import Redis

from faults.schedule import Step
from faults.target import Target, Way


async def away(target: Target, step: Step) -> None:
    """Killed, and back with what it had saved."""
    await asyncio.to_thread(target.stack.kill_redis)
    await asyncio.sleep(step.numbers["seconds"])
    await asyncio.to_thread(target.stack.start_redis)


async def restarted(target: Target, _: Step) -> None:
    """Killed, and back at once, empty."""
    await asyncio.to_thread(target.stack.kill_redis)
    await asyncio.to_thread(target.stack.start_redis)


async def flushed(target: Target, _: Step) -> None:
    """Emptied by somebody."""
    async with Redis.from_url(target.stack.redis) as client:
        await client.flushall()


async def frozen(target: Target, step: Step) -> None:
    """Takes connections and says nothing."""
    process = target.stack.redis_part.process
    assert process is not None, "Redis isn't ours"  # noqa: S101 - told in the report
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(step.numbers["seconds"])
        os.kill(process.pid, signal.SIGCONT)


async def full(target: Target, step: Step) -> None:
    """Out of memory: refuses every write."""
    async with Redis.from_url(target.stack.redis) as client:
        await client.config_set("maxmemory", "1mb")
        await asyncio.sleep(step.numbers["seconds"])
        await client.config_set("maxmemory", "0")


WAYS: dict[str, Way] = {
    "Redis kill": away,
    "Redis restart empty": restarted,
    "Redis flush": flushed,
    "Redis freeze": frozen,
    "Redis full": full,
}
