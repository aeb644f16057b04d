"""Workers are killed, crash of themselves, freeze, stop, come and go."""

import asyncio
import signal

from faults.schedule import Step
from faults.target import Target, Way

CRASH_SECONDS_MAX = 90.0
FENCED_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
BURST_READY_SECONDS_MAX = 60.0
STORM_SECONDS = 2.0
STORM_WORKERS_MAX = 4


async def kill(target: Target, step: Step) -> None:
    """Kill -9, back after a pause."""
    slot = target.slot(step)
    starts = slot.starts
    slot.kill(step.numbers["pause_seconds"])
    await slot.until_started_again(starts)
    await slot.until_ready()


async def crash(target: Target, step: Step) -> None:
    """A worker with an armed point takes the place of the one there is; it dies at that point, of itself."""
    slot, said = target.slot(step), f"{step.numbers['point']}:{step.numbers['passes']}"
    starts = slot.starts
    slot.kill(0.0, said)
    await slot.until_started_again(starts)
    async with target.feeding():
        try:
            await slot.until_ended(starts + 1, CRASH_SECONDS_MAX)
        except TimeoutError as error:
            raise AssertionError(f"{said} was never reached") from error
    await slot.until_started_again(starts + 1)
    await slot.until_ready()


async def freeze(target: Target, step: Step) -> None:
    """Past its session; then it either finds itself fenced and ends, or had nothing under way and joins again."""
    slot = target.slot(step)
    starts, readies = slot.starts, slot.readies()
    slot.send(signal.SIGSTOP, "")
    await asyncio.sleep(step.numbers["seconds"])
    slot.send(signal.SIGCONT, "")
    await slot.until_back(starts, readies, FENCED_SECONDS_MAX)


async def stop(target: Target, step: Step) -> None:
    """SIGTERM: a clean end, in time."""
    slot = target.slot(step)
    starts, told_at = slot.starts, target.fleet.now()
    slot.pause_seconds = 0.1
    slot.send(signal.SIGTERM, "told to stop")
    await slot.until_started_again(starts)
    ending = next(one for one in reversed(target.fleet.endings) if one.slot == slot.number)
    took = ending.at_seconds - told_at
    assert ending.code == 0, f"exit code {ending.code} after SIGTERM"  # noqa: S101 - told in the report
    assert took < STOP_SECONDS_MAX, f"took {took:.1f} s to stop"  # noqa: S101 - told in the report
    await slot.until_ready()


async def burst(target: Target, step: Step) -> int:
    """Many kills, faster than anybody recovers."""
    for number, pause_seconds in enumerate(step.numbers["pauses"]):
        target.fleet.slots[number % 2].kill(0.1, told="burst")
        await asyncio.sleep(pause_seconds)
    async with asyncio.timeout(BURST_READY_SECONDS_MAX):
        await target.fleet.until_ready()
    return len(step.numbers["pauses"])


async def storm(target: Target, step: Step) -> int:
    """Workers join and leave every two seconds."""
    fleet = target.fleet
    joined, own, began_at = 0, len(fleet.slots), fleet.now()
    while fleet.now() - began_at < step.numbers["seconds"]:
        if len(fleet.slots) < own + STORM_WORKERS_MAX:
            fleet.add()
            joined += 1
        else:
            await fleet.remove(fleet.slots[own])
        await asyncio.sleep(STORM_SECONDS)
    await asyncio.gather(*map(fleet.remove, fleet.slots[own:]))
    return joined


WAYS: dict[str, Way] = {
    "kill": kill,
    "crash": crash,
    "freeze": freeze,
    "stop": stop,
    "burst": burst,
    "storm": storm,
}
