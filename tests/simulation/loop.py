"""An event loop run by hand: nothing happens in a process until the simulation says so, and it can end anywhere.

Two kinds of things make it go on. What asyncio itself hands from one coroutine to the next runs at once, since nobody
outside could tell. What waits for the world (`Loop.world`) goes on when the simulation chooses it.
"""

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from random import Random
from typing import Any, NamedTuple


class Exited(BaseException):
    """The process has ended itself; in service no code runs after that."""


class Waiting(NamedTuple):
    """A request under way: its future, what comes of it, and its name for the trace."""

    future: asyncio.Future[Any]
    answer: Any
    name: str


class Timer:
    """What asyncio's timer handle is to its users, without what they don't ask for."""

    __slots__ = ("arguments", "callback", "context", "is_cancelled", "seconds")

    def __init__(
        self, seconds: float, context: Context, callback: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self.seconds = seconds
        self.context = context
        self.callback = callback
        self.arguments = arguments
        self.is_cancelled = False

    def __lt__(self, other: "Timer") -> bool:
        return self.seconds < other.seconds

    def fire(self) -> None:
        """Its time has come; what runs before it in the same turn may still cancel it."""
        if not self.is_cancelled:
            self.callback(*self.arguments)

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled


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

    current: "Loop | None" = None
    get_debug = bool  # False, without a call of Python: every future and task asks

    def __init__(self, chance: Random, clock: Clock) -> None:
        self.skew = 0.0
        self.exit: str | None = None
        self.over = False
        self.waiting: list[Waiting] = []
        self._chance = chance
        self._clock = clock
        self._ready: deque[tuple[Context, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._timers: list[Timer] = []
        self._tasks: list[tuple[asyncio.Task[Any], Coroutine[Any, Any, Any]]] = []

    def world(self, name: str) -> asyncio.Future[None]:
        """Wait until the simulation lets this request go on; it may never."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self.waiting.append(Waiting(future, None, name))
        return future

    def arrive(self, future: asyncio.Future[Any], answer: Any, name: str) -> None:
        """Something from outside that this process is to learn at a moment of the simulation's choice."""
        self.waiting.append(Waiting(future, answer, name))

    @property
    def is_busy(self) -> bool:
        """Whether anything can happen in it."""
        return bool(self.waiting or self._ready or self._has_due_timer())

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
        while self._has_due_timer():
            timer = heapq.heappop(self._timers)
            self._ready.append((timer.context, timer.fire, ()))
        self._become_current()
        ready = self._ready
        while ready and self.exit is None:
            context, callback, arguments = ready.popleft()
            context.run(callback, *arguments)

    def kill(self) -> None:
        """End it where it stands: no code of it runs any more."""
        self.over = True
        tasks, self._tasks = self._tasks, []
        self.waiting.clear()
        self._ready.clear()
        self._timers.clear()
        self._become_current()
        for task, coroutine in tasks:
            task._log_destroy_pending = False
            if not task.done():
                coroutine.close()

    def _has_due_timer(self) -> bool:
        return bool(self._timers) and self._timers[0].seconds <= self._clock.now + self.skew

    def _become_current(self) -> None:
        """asyncio asks for the running loop; telling it costs as much as a step, so it is told only of a change."""
        if Loop.current is not self:
            Loop.current = self
            events._set_running_loop(self)

    @staticmethod
    def none_current() -> None:
        """No simulation runs any more: the thread is free for a loop of another kind."""
        if Loop.current is not None:
            Loop.current = None
            events._set_running_loop(None)

    def time(self) -> float:
        return self._clock.now + self.skew

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

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        """Returns no handle: nobody here takes back what is to run at once."""
        self._ready.append((copy_context() if context is None else context, callback, args))

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        timer = Timer(when, copy_context() if context is None else context, callback, args)
        heapq.heappush(self._timers, timer)
        return timer
