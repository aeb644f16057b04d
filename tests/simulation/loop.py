"""An event loop run by hand: nothing happens in a process until the simulation says so, and it can end anywhere.

Two kinds of things make it go on. What asyncio itself hands from one coroutine to the next runs at once, since nobody
outside could tell. What waits for the world (`Loop.world`) goes on when the simulation chooses it.
"""

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NamedTuple


class Exited(BaseException):
    """The process has ended itself; in service no code runs after that."""


class Waiting(NamedTuple):
    """A request under way: its future, what comes of it, and its name for the trace."""

    future: asyncio.Future[Any]
    answer: Any
    name: str


class Clock:
    """The world's time in seconds; the simulation moves it."""

    now = 0.0


class Loop(asyncio.AbstractEventLoop):
    """One process's event loop.

    Attributes:
        skew: seconds that its clock is ahead of the world's.
        exit: why the process ended itself.
        over: nothing of it runs any more.
    """

    def __init__(self, chance: Random, clock: Clock) -> None:
        self.skew = 0.0
        self.exit: str | None = None
        self.over = False
        self.waiting: list[Waiting] = []
        self._chance = chance
        self._clock = clock
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: list[tuple[asyncio.Task[Any], Coroutine[Any, Any, Any]]] = []

    async def world(self, name: str) -> None:
        """Wait until the simulation lets this request go on; it may never."""
        future = self.create_future()
        self.arrive(future, None, name)
        await future

    def arrive(self, future: asyncio.Future[Any], answer: Any, name: str) -> None:
        """Something from outside that this process is to learn at a moment of the simulation's choice."""
        self.waiting.append(Waiting(future, answer, name))

    @property
    def is_busy(self) -> bool:
        """Whether anything can happen in it."""
        return bool(self.waiting or self._ready or (self._timers and self._timers[0].when() <= self.time()))

    def go_on(self) -> str:
        """Let one request go on, and run until everything waits again; the request's name."""
        name = ""
        if self.waiting:
            chosen = self.waiting.pop(int(self._chance.random() * len(self.waiting)))
            name = chosen.name
            if not chosen.future.done():
                chosen.future.set_result(chosen.answer)
        self.run()
        return name

    def run(self) -> None:
        """Run until everything waits."""
        while self._timers and self._timers[0].when() <= self.time():
            timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._ready.append(timer)
        events._set_running_loop(self)
        try:
            while self._ready and self.exit is None:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            events._set_running_loop(None)

    def kill(self) -> None:
        """End it where it stands: no code of it runs any more."""
        self.over = True
        tasks, self._tasks = self._tasks, []
        self.waiting.clear()
        self._ready.clear()
        self._timers.clear()
        events._set_running_loop(self)
        try:
            for task, coroutine in tasks:
                task._log_destroy_pending = False
                if not task.done():
                    coroutine.close()
        finally:
            events._set_running_loop(None)

    def time(self) -> float:
        return self._clock.now + self.skew

    def get_debug(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return self.over

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Told at the end of a killed process's tasks; a task that fails is seen by the simulation itself."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **_: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self)
        self._tasks.append((task, coro))
        return task

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""
