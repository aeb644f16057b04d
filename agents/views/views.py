"""The loop that keeps Redis up to date, and what a worker may call at any moment without waiting."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import structlog

from agents import crash_points
from agents.metrics import Metrics
from agents.views.breaker import Breaker
from agents.views.drafts import Describe, draft
from agents.views.partition import Partition
from agents.views.store import EMPTIED, REFUSED, Chunk, Store

REFUSED_SECONDS = 30.0  # longer than a frozen worker takes to notice that its partitions are another's
_SWEEP_START = b"0"
_log = structlog.get_logger(__name__)


class Views:
    """Customers' views and the ranking in Redis.

    `assign`, `revoke` and `mark` only take note, in microseconds, and never fail: Redis may be down, frozen, full.
    `run` reads the *current* state of whoever was marked, so that ten changes are one write.

    Args:
        url: as in `redis://127.0.0.1:6379/0`.
        describe: makes a view of a customer's name and state blob; pure.
        timeout_seconds: limit of one exchange with Redis, a chunk of views in it.
        chunk: most views in one exchange.
        pause_seconds: between two exchanges; marks of that time become one write, and decisions get the loop.
        check_seconds: how often every partition's lease is looked at, to notice an emptied Redis.
        breaker_seconds_max: longest pause while Redis is away.
        clock: monotonic seconds.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a caller may set, by name
        self,
        url: str,
        describe: Describe,
        metrics: Metrics,
        *,
        timeout_seconds: float = 0.05,
        chunk: int = 500,
        pause_seconds: float = 0.01,
        check_seconds: float = 2.0,
        breaker_seconds_max: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = Store(url, timeout_seconds)
        self._describe = describe
        self._metrics = metrics
        self._chunk = chunk
        self._pause_seconds = pause_seconds
        self._check_seconds = check_seconds
        self._clock = clock
        self._breaker = Breaker(clock, pause_seconds_max=breaker_seconds_max)
        self._partitions: dict[int, Partition] = {}
        self._woken = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._attempt = 0
        self._checked_at = float("-inf")
        self._sweep: bytes | None = None  # cursor of the search for views that nobody's state has
        metrics.views_behind_entries.set_function(lambda: self.behind)

    @property
    def behind(self) -> int:
        """How many views wait to be written."""
        return sum(partition.behind for partition in self._partitions.values())

    @property
    def breaker_open(self) -> bool:
        """True while Redis counts as away."""
        return self._breaker.is_open

    def assign(self, partition: int, customers: Mapping[bytes, bytes]) -> None:
        """The partition is ours and recovered: all its views are written, and those of customers not in it removed.

        `customers`: the live state, blob by key; it is read whenever views are written.
        """
        self._partitions[partition] = Partition(partition, customers)
        self._sweep = _SWEEP_START
        self._woken.set()

    def revoke(self, partition: int) -> None:
        """The partition is another's from here on."""
        self._partitions.pop(partition, None)

    def mark(self, partition: int, keys: Iterable[bytes]) -> None:
        """These customers changed, or were forgotten, and it is committed."""
        assigned = self._partitions.get(partition)
        if assigned is not None:
            assigned.mark(keys)
            self._woken.set()

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await self._round()
            await asyncio.sleep(self._pause_seconds)
            if self._sweep is None and not self.behind:
                await self._idle()

    async def flush(self, seconds: float = 2.0) -> int:
        """For a clean stop: writes what waits, for `seconds` at most. Returns how many views still wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.behind:
                    await self._round()
                    await asyncio.sleep(self._pause_seconds)
        return self.behind

    async def close(self) -> None:
        """Gives the connection back, when `run` has ended."""
        await self._store.close()

    async def _idle(self) -> None:
        """Until something is marked, or it is time to look whether Redis still knows us."""
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._check_seconds):
                await self._woken.wait()

    async def _round(self) -> None:
        """One exchange with Redis, when the breaker allows it. What wasn't written waits again, whatever happens."""
        async with self._one_at_a_time:
            await asyncio.sleep(self._breaker.wait_seconds())
            taken: list[tuple[Partition, list[bytes]]] = []
            try:
                await self._exchange(taken)
            except Exception as error:  # noqa: BLE001 - whatever it is: a view must not stop a decision
                self._failed(error)
            else:
                self._succeeded()
            finally:
                for partition, keys in taken:
                    partition.mark(keys)

    async def _exchange(self, taken: list[tuple[Partition, list[bytes]]]) -> None:
        if await self._store.is_another():
            _log.info("views_rebuilt", reason="Redis was restarted or replaced")
            self._rebuild(self._partitions.values())
        chunks = await self._take(taken)
        if chunks:
            crash_points.soon("P7")
        answers = await self._store.write(chunks) if chunks else []
        for (partition, keys), answer in zip(taken, answers, strict=True):
            self._answered(partition, keys, answer)
        taken.clear()
        if self._sweep is not None:
            await self._sweep_on(self._sweep)

    async def _take(self, taken: list[tuple[Partition, list[bytes]]]) -> list[Chunk]:
        """What goes into this exchange; a claim goes alone, so that one that gets stuck carries no customer."""
        room = 1 if self._breaker.is_probing else self._chunk
        now = self._clock()
        check = now >= self._checked_at + self._check_seconds
        chunks = []
        for partition in self._in_turn():
            if now < partition.refused_until:
                continue
            keys = partition.take(room) if partition.claimed else []
            if keys or check or not partition.claimed:
                taken.append((partition, keys))
                chunks.append(await self._chunk_of(partition, keys))
                room -= len(keys)
        if check:
            self._checked_at = now
        return chunks

    def _in_turn(self) -> list[Partition]:
        """All partitions; who came first last time comes last."""
        for first in list(self._partitions)[:1]:
            self._partitions[first] = self._partitions.pop(first)
        return list(self._partitions.values())

    async def _chunk_of(self, partition: Partition, keys: list[bytes]) -> Chunk:
        attempt, claim = self._attempt, not partition.claimed
        ordered, fields = await draft(keys, partition.customers, self._describe)
        return Chunk(partition.number, partition.lease, attempt, claim, ordered, fields)

    def _answered(self, partition: Partition, keys: list[bytes], answer: int) -> None:
        if answer == REFUSED:
            _log.warning("views_refused", partition=partition.number, reason="another worker claimed the partition")
            partition.refused_until = self._clock() + REFUSED_SECONDS
            partition.mark(keys)
            self._rebuild([partition])
        elif answer == EMPTIED and partition.claimed:
            _log.info("views_rebuilt", partition=partition.number, reason="Redis was emptied")
            self._rebuild([partition])
        partition.claimed = answer != REFUSED

    def _rebuild(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            partition.rebuild()
        self._sweep = _SWEEP_START

    async def _sweep_on(self, cursor: bytes) -> None:
        """Marks views that a killed worker, or a Redis that came back with old data, left behind."""
        following, found = await self._store.page(cursor)
        for key, number in found:
            partition = self._partitions.get(number)
            if partition is not None and key not in partition.customers:
                partition.mark([key])
        self._sweep = None if following == _SWEEP_START else following

    def _failed(self, error: Exception) -> None:
        was_open = self._breaker.is_open
        self._breaker.failed()
        self._attempt += 1
        self._store.forget_connection()
        if self._breaker.is_open and not was_open:
            _log.warning("views_breaker_opened", error=type(error).__name__, behind=self.behind)
        self._metrics.views_breaker_open.set(self._breaker.is_open)

    def _succeeded(self) -> None:
        if self._breaker.is_open:
            _log.info("views_breaker_closed", behind=self.behind)
        self._breaker.succeeded()
        self._metrics.views_breaker_open.set(0)
