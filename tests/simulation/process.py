"""A worker process: the real `Assignment` with its lanes, and a model of the little that Faust does around it.

Faust's part, after `agents/transport.py` and Faust's own recovery service:

    summoned -> revoke -> join, wait for the others -> assign -> recover (not awaited any more after the next) -> open
    read -> a queue for each topic, in memory -> offer
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from agents import stop
from agents.accounting import Instruments
from agents.assignment import Assignment
from agents.health import Health
from agents.metrics import Metrics
from agents.pace import Pace
from agents.pipeline import Pipeline
from streams import topics
from tests.simulation.clients import Client
from tests.simulation.loop import Exited, Loop
from tests.simulation.sources import COUNTS, PARTITIONS, READ

if TYPE_CHECKING:
    from agents.lane import Batch

TRANSACTIONS_AT_ONCE_MAX = 8
BROKEN = "an exception reached Faust"


class Group(Protocol):
    """Where a process gets its partitions."""

    def join(self, process: "Process") -> asyncio.Future[set[int] | None]:
        """Ready for the next assignment; the partition numbers of this process, once all are ready."""

    def leave(self, process: "Process") -> None:
        """Gone, in good order."""


class RedisAway:
    """Views while there is no Redis: nothing that decides looks at them."""

    def assign(self, partition: int, customers: object) -> None: ...
    def revoke(self, partition: int) -> None: ...
    def mark(self, partition: int, keys: Iterable[bytes]) -> None: ...


@cache
def instruments() -> Instruments:
    """One set for all processes of all seeds: it takes milliseconds to make, and nothing here looks at it."""
    return Instruments(Metrics(), Health())


def held_by(client: Client, at_once: int = TRANSACTIONS_AT_ONCE_MAX) -> Assignment:
    """What a process holds, with the pipeline in service and so many transactions under way at once to begin with."""
    pipeline = Pipeline(RedisAway(), instruments(), sources=READ, pace=Pace(at_once))  # type: ignore[arg-type]
    return Assignment(client, pipeline, instruments())  # type: ignore[arg-type]


class Process:
    """One worker process."""

    def __init__(self, name: str, loop: Loop, client: Client, group: Group, pick: Callable[[int], int]) -> None:
        self.name = name
        self.loop = loop
        self.client = client
        self.assignment = held_by(client, 1 + pick(TRANSACTIONS_AT_ONCE_MAX))
        self.is_frozen = False
        self.is_leaving = False
        self._group = group
        self._pick = pick
        self._summons = loop.create_future()
        self._generation = 0
        self._queues: dict[str, deque[Batch]] = {}
        self._fetched = asyncio.Event()
        parts = {"membership": self._membership(), "fetch": self._fetch(), "deliver": self._deliver()}
        self._tasks = {part: loop.create_task(coroutine) for part, coroutine in parts.items()}

    @property
    def is_over(self) -> bool:
        """Whether it ended itself, or was killed."""
        return self.loop.over or self.loop.exit is not None

    def summon(self) -> None:
        """The next heartbeat's answer will say that a rebalance is under way."""
        if not self._summons.done() and all(one.future is not self._summons for one in self.loop.waiting):
            self.loop.arrive(self._summons, None, "rebalance")

    def calm(self) -> None:
        """It has joined: what it was summoned for is done."""
        self.loop.waiting = [one for one in self.loop.waiting if one.future is not self._summons]
        self._summons = self.loop.create_future()

    def step(self) -> str:
        """Let one thing happen in it; what that was."""
        name = self.loop.go_on()
        for task in self._tasks.values():
            if task.done() and (error := _error(task)) is not None:
                self.loop.exit = f"{BROKEN}: {error!r}"
        return name

    async def _membership(self) -> None:
        while True:
            if self.assignment._generation:  # the first time it asks by itself
                await self._summons
            await self.assignment.revoke()
            if self.is_leaving:
                self._group.leave(self)
                self.loop.exit = "stopped"
                return
            while (numbers := await self._group.join(self)) is None:
                """Asks again."""
            self._generation += 1
            with stop.on_failure(stop.Code.ASSIGNMENT_FAILED, "fencing_failed"):
                await self.assignment.assign(together(numbers, self.client.cluster.counts))
            await self.loop.world("Faust rebalances")
            self._recover_again()

    def _recover_again(self) -> None:
        """Faust gives up waiting for the recovery of the last rebalance; ours goes on beside the new one."""
        if recovery := self._tasks.get("recovery"):
            recovery.cancel()
        self._tasks["recovery"] = self.loop.create_task(self._recover(self._generation))

    async def _recover(self, generation: int) -> None:
        await self.loop.world("recover")
        recovery = self.loop.create_task(self._recover_tables())
        await asyncio.wait([recovery])
        await self.loop.world("resume")
        if generation == self._generation:
            self._queues.clear()
            self.assignment.open()

    async def _recover_tables(self) -> None:
        with stop.on_failure(stop.Code.ASSIGNMENT_FAILED, "recovery_failed"):
            await self.assignment.recover()

    async def _fetch(self) -> None:
        while True:
            for batch in await self.assignment.read():
                self._queues.setdefault(batch.place.topic, deque()).append(batch)
                self._fetched.set()

    async def _deliver(self) -> None:
        """Faust's agents: each topic in order, topics in any."""
        while True:
            await self._fetched.wait()
            await self.loop.world("offer")
            full = [queue for queue in self._queues.values() if queue]
            if full:
                self.assignment.offer(full[self._pick(len(full))].popleft())
            else:
                self._fetched.clear()


def _error(task: asyncio.Task[None]) -> BaseException | None:
    """What a task ended with that it shouldn't have."""
    error = None if task.cancelled() else task.exception()
    return None if isinstance(error, Exited) else error


def together(numbers: set[int], counts: Mapping[str, int] = COUNTS) -> list[tuple[str, int]]:
    """What comes with these numbers, as `Assignor` has it; `counts` are the sources'."""
    bound = [(name, number) for name in (topics.JOURNAL.name, topics.CHANGELOG.name) for number in numbers]
    share = [(name, one) for name, count in counts.items() for one in range(count) if one % PARTITIONS in numbers]
    return bound + share


def at_once(code: stop.Code, event: str, **details: Any) -> NoReturn:
    """In place of `stop.at_once`: ends the process whose code runs, and no other."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    if loop.over:
        raise GeneratorExit  # it was killed before, and its coroutines are being put away
    loop.exit = f"{code.name.lower()} {event} {details.get('error', '')}".strip()
    raise Exited
