"""The consumer group, eager as Faust has it: all members give up all partitions, then each gets its own."""

import asyncio
from collections.abc import Callable
from random import Random

from tests.simulation.process import Process


class Group:
    """Members, and whom a rebalance waits for.

    A member that is expelled (its session ran out) doesn't know until its next heartbeat: it may be writing.
    """

    def __init__(self, partitions: int, chance: Random, trace: Callable[[str], object]) -> None:
        self.members: set[Process] = set()
        self._partitions = partitions
        self._chance = chance
        self._trace = trace
        self._joined: dict[Process, asyncio.Future[set[int] | None]] = {}

    def join(self, process: Process) -> asyncio.Future[set[int] | None]:
        """Ready for the next assignment; None comes out for who was expelled meanwhile, and must ask again."""
        process.calm()
        self.members.add(process)
        self._joined[process] = seat = process.loop.create_future()
        self.rebalance()
        return seat

    def leave(self, process: Process) -> None:
        """Gone, in good order or by its session's time-out: the others go on without it."""
        if process in self.members:
            self.members.remove(process)
            if seat := self._joined.pop(process, None):
                process.loop.arrive(seat, None, "expelled")
            process.summon()
            self.rebalance()

    def rebalance(self) -> None:
        """Everybody is to give up and join; once all did, each gets its numbers."""
        for member in self.members - self._joined.keys():
            member.summon()
        if self.members and self.members == self._joined.keys():
            self._assign()

    def _assign(self) -> None:
        members = sorted(self.members, key=lambda one: one.name)
        numbers: dict[Process, set[int]] = {member: set() for member in members}
        for number in range(self._partitions):
            numbers[self._chance.choice(members)].add(number)
        for member in members:
            self._trace(f"  group: {member.name} gets {sorted(numbers[member])}")
            member.loop.arrive(self._joined.pop(member), numbers[member], "assigned")
