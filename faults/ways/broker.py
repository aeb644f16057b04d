"""The broker goes away."""

import asyncio

from faults.probes import honest
from faults.schedule import Step
from faults.target import Target, Way

LONG_SECONDS = 20.0  # longer than workers have to say that they aren't ready


async def kill(target: Target, step: Step) -> None:
    """Kill -9; it starts again on its own log after a while. If that is long, workers must say what is so."""
    away_seconds = step.numbers["away_seconds"]
    await asyncio.to_thread(target.stack.kill_kafka)
    try:
        if away_seconds > LONG_SECONDS:
            async with honest(target.fleet, lambda _: True):
                await asyncio.sleep(away_seconds)
        else:
            await asyncio.sleep(away_seconds)
    finally:
        await asyncio.to_thread(target.stack.start_kafka)


WAYS: dict[str, Way] = {"broker kill": kill}
