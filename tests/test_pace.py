"""How many transactions go side by side where the broker, or where cores, are the bottleneck. Time is made up."""

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any

from agents.pace import ALONE_EVERY, CLOCK_SECONDS, Pace

LANES = 8
EACH = 500
SECONDS = 0.006


class Skipping(selectors.DefaultSelector):
    """Whatever a loop would wait for comes at once; `now` says when it would have."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return super().select(0)


class MadeUpTime(asyncio.SelectorEventLoop):
    """A loop whose hours take no time."""

    def __init__(self) -> None:
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now


class Machine:
    """Transactions that wait for another machine, or work on this one's only core; those under way share it."""

    def __init__(self, *, works: bool) -> None:
        self.pace = Pace()
        self.order: list[int] = []
        self.beside: list[int] = []
        self._works = works
        self._under_way = 0

    async def lane(self, number: int) -> None:
        """Always has something to do."""
        for _ in range(EACH):
            async with self.pace:
                self._under_way += 1
                self.order.append(number)
                self.beside.append(self._under_way)
                seconds = SECONDS * (self._under_way if self._works else 1)
                await asyncio.sleep(seconds)
                self._under_way -= 1
                self.pace.took(seconds)

    def run(self, lanes: int) -> "Machine":
        """All lanes to their end."""
        with asyncio.Runner(loop_factory=MadeUpTime) as runner:
            runner.run(self._all(lanes))
        return self

    async def _all(self, lanes: int) -> None:
        await asyncio.gather(*map(self.lane, range(lanes)))


def late(counts: Sequence[int]) -> float:
    """The mean of the second half."""
    half = counts[len(counts) // 2 :]
    return sum(half) / len(half)


def test_lanes_that_wait_for_another_machine_go_side_by_side() -> None:
    assert late(Machine(works=False).run(LANES).beside) > LANES - 1


def test_lanes_that_share_a_core_go_nearly_one_after_the_other() -> None:
    assert late(Machine(works=True).run(LANES).beside) < 1.3


def test_lanes_take_turns() -> None:
    order = Machine(works=True).run(3).order
    assert all(order[at] != order[at + 1] for at in range(len(order) - 6)), "who just had a turn waits for the others"


def test_one_goes_alone_now_and_then_to_learn_what_that_takes() -> None:
    beside = Machine(works=False).run(LANES).beside
    assert 1 in beside[-ALONE_EVERY - LANES :]


def test_a_turn_that_nobody_waits_for_any_more_is_anothers() -> None:
    async def cancelled() -> int:
        machine = Machine(works=False)
        lanes = [asyncio.create_task(machine.lane(number)) for number in range(3)]
        await asyncio.sleep(SECONDS / 2)
        lanes[1].cancel()
        await asyncio.wait(lanes)
        return machine.order.count(2)

    with asyncio.Runner(loop_factory=MadeUpTime) as runner:
        assert runner.run(cancelled()) == EACH


async def test_what_is_quicker_than_the_clock_counts_as_one_of_its_ticks() -> None:
    pace = Pace()
    for seconds in (0.0, CLOCK_SECONDS) * ALONE_EVERY:
        async with pace:
            pace.took(seconds)
    assert pace.limit == 1
