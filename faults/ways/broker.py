"""The broker goes away."""

import asyncio

from faults.schedule import Step
from faults.target import Target, Way


async def kill(target: Target, step: Step) -> None:
    """Kill -9; it starts again on its own log after a while."""
    await asyncio.to_thread(target.stack.kill_kafka)
    await asyncio.sleep(step.numbers["away_seconds"])
    await asyncio.to_thread(target.stack.start_kafka)


WAYS: dict[str, Way] = {"broker kill": kill}
