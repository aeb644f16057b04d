"""What the network between workers and broker does, by the proxy on the broker's advertised port."""

import asyncio

from faults import proxy
from faults.fleet import Slot
from faults.probes import honest
from faults.schedule import Step
from faults.target import Target, Way

HALF_OPEN_SECONDS_MAX = 150.0
UNNOTICED_SECONDS = 25.0  # until here no time-out of a worker's has ended a connection
SWALLOW_SECONDS_MAX = 60.0
ANSWERS = {
    "EndTxn": proxy.END_TXN,
    "TxnOffsetCommit": proxy.TXN_OFFSET_COMMIT,
    "InitProducerId": proxy.INIT_PRODUCER_ID,
}


async def cut(target: Target, step: Step) -> None:
    """Nobody gets through for a while."""
    await target.need_proxy().cut(step.numbers["seconds"])


async def reset(target: Target, _: Step) -> None:
    """Every connection is reset."""
    await target.need_proxy().reset()


async def slow(target: Target, step: Step) -> None:
    """1 KB/s."""
    await target.need_proxy().slow(step.numbers["seconds"])


async def slices(target: Target, step: Step) -> None:
    """Three bytes at a time."""
    await target.need_proxy().slice(step.numbers["seconds"])


async def half_open(target: Target, _: Step) -> None:
    """Until each worker has noticed by itself: its own time-outs end it, or it joins again. None may seem ready."""
    known = {slot.number: (slot.starts, slot.readies()) for slot in target.fleet.slots}
    await target.need_proxy().half_open()
    unnoticed_until = target.fleet.now() + UNNOTICED_SECONDS

    def cut_off(slot: Slot) -> bool:
        return known.get(slot.number) == (slot.starts, slot.readies()) and target.fleet.now() < unnoticed_until

    async with target.feeding(), honest(target.fleet, cut_off):
        await asyncio.gather(
            *(slot.until_back(*known[slot.number], HALF_OPEN_SECONDS_MAX) for slot in target.fleet.slots)
        )


async def swallow(target: Target, step: Step) -> int:
    """An answer that nobody hears. `InitProducerId` is asked at a start: a worker is killed for it."""
    answer, count = step.numbers["answer"], step.numbers["count"]
    swallowing = asyncio.ensure_future(target.need_proxy().swallow(ANSWERS[answer], count, SWALLOW_SECONDS_MAX))
    if answer == "InitProducerId":
        target.fleet.slots[0].kill(0.1, told="answer lost")
    async with target.feeding():
        swallowed = await swallowing
    assert swallowed, f"no answer to {answer} came by"  # noqa: S101 - told in the report
    await target.fleet.until_ready()
    return swallowed


WAYS: dict[str, Way] = {
    "cut": cut,
    "reset": reset,
    "slow": slow,
    "slices": slices,
    "half-open": half_open,
    "swallow": swallow,
}
