"""A lane: the transactions of one partition number, one after another.

Each takes everything that has queued up, one record when it is quiet and thousands under load, so latency is the
transaction's own few milliseconds. Lanes run side by side as far as their worker's pace allows.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from msgspec import Struct

from agents import accounting, crash_points, stop
from agents.drains import Drained
from agents.pace import Pace
from agents.unit_of_work import NOT_NOW, Fetched, Outputs, Place, TransactionalLog, Work, carry_out

RECORDS_PER_TRANSACTION_MAX = 5000
RECORDS_QUEUED_MAX = 10_000
TOLD_EVERY_SECONDS = 0.5  # with each transaction it would cost two of five requests: decision 14
QUIET_SECONDS = 0.05  # when nothing came for so long, nothing may come for long: the group hears it now
UNIT_LIMIT_SECONDS = 30.0  # well below the transaction time-out: it must be us who gives up first


class Batch(Struct):
    """Records of one place in offset order; the `number`th batch that its reader fetched from there, from 0."""

    place: Place
    records: Sequence[Fetched]
    number: int
    generation: int = 0


class Lane:
    """Runs the units of work of a partition number; ends the process when one fails.

    `positions` holds, for each place it reads, the offset of the first record not yet applied; None is the oldest.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a lane is made of
        self,
        number: int,
        transactions: TransactionalLog,
        work: Work,
        positions: dict[Place, int | None],
        instruments: accounting.Instruments,
        *,
        pace: Pace,
    ) -> None:
        self.number = number
        self.positions = positions
        self._log = transactions
        self._work = work
        self._instruments = instruments
        self._pace = pace
        self._queue: deque[Batch] = deque()
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._told: dict[Place, int | None] = {}
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._tell_when_quiet()

    @property
    def full(self) -> bool:
        """Whether fetching for this lane should wait."""
        return self._queued >= RECORDS_QUEUED_MAX

    def offer(self, batch: Batch) -> None:
        """Queue a batch; the lane starts if it was idle."""
        self._queue.append(batch)
        self._queued += len(batch.records)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    def read_also(self, positions: dict[Place, int | None]) -> None:
        """More places, and where they begin; the next transaction tells the group."""
        self.positions |= positions
        self._told_at = float("-inf")

    async def drain(self) -> None:
        """Forget what is queued (it will be read again), wait for the unit under way, and let the group know."""
        self._queue.clear()
        self._queued = 0
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._timer is not None:
            self._timer.cancel()
        if self._told != self.positions:
            await self._tell()

    async def _run(self) -> None:
        try:
            while self._queue:
                async with self._pace:
                    await self._unit(self._take())  # also what came while it waited for its turn
        finally:
            self._task = None
        self._tell_when_quiet()

    def _tell_when_quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._tell_now)

    def _tell_now(self) -> None:
        if self._task is None and self._told != self.positions:
            self._task = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        try:
            async with self._pace, asyncio.timeout(UNIT_LIMIT_SECONDS):
                await self._carry_out(self._work.compute({}))
        except BaseException as error:  # noqa: BLE001 - as with a unit
            self._give_up(error, {})
        finally:
            self._task = None
        if self._queue:
            self._task = asyncio.ensure_future(self._run())

    def _take(self) -> dict[Place, list[Fetched]]:
        """All that has queued up, in order, without what was applied already."""
        taken: dict[Place, list[Fetched]] = {}
        count = 0
        while self._queue and count < RECORDS_PER_TRANSACTION_MAX:
            batch = self._queue.popleft()
            count += len(batch.records)
            taken.setdefault(batch.place, []).extend(self._fresh(batch))
        self._queued -= count
        return {place: records for place, records in taken.items() if records}

    def _fresh(self, batch: Batch) -> Sequence[Fetched]:
        """Its records that were not applied yet; as a rule all of them."""
        records, floor = batch.records, self.positions[batch.place] or 0
        if records[0].offset >= floor:
            return records
        return [record for record in records if record.offset >= floor]

    async def _unit(self, fetched: dict[Place, list[Fetched]]) -> None:
        if not fetched:
            return
        count = sum(map(len, fetched.values()))
        try:
            with accounting.unit_of_work(self._instruments, self.number, count):
                async with asyncio.timeout(UNIT_LIMIT_SECONDS):
                    outputs = self._work.compute(fetched)
                    crash_points.reached("P1")
                    await self._carry_out(outputs)
        except BaseException as error:  # noqa: BLE001 - whatever happened, the outcome is unknown: a fresh start settles it
            self._give_up(error, fetched)

    async def _carry_out(self, outputs: Outputs) -> None:
        """One transaction. Now and then it tells the group too; one without anything else does nothing but that."""
        now = asyncio.get_running_loop().time
        began_at, positions = now(), self.positions | outputs.positions
        tells = began_at >= self._told_at + TOLD_EVERY_SECONDS or not outputs.positions
        told = {place: position for place, position in positions.items() if position is not None} if tells else NOT_NOW
        await carry_out(self._log, outputs, told)
        self._pace.took(now() - began_at)
        self.positions.update(outputs.positions)
        if tells:
            self._told, self._told_at = positions, began_at

    def _give_up(self, error: BaseException, fetched: dict[Place, list[Fetched]]) -> None:
        if isinstance(error, Drained):
            hint = "fix the source or the mapping, or raise BELLWETHER_DEADLETTERS: docs/dead-letters.md"
            told = msgspec.structs.asdict(error.told)
            stop.at_once(stop.Code.TOO_MANY_DEAD_LETTERS, "too_many_dead_letters", **told, hint=hint)
        code = stop.Code.BATCH_FAILED
        if isinstance(error, ProducerFenced | InvalidProducerEpoch):
            code = stop.Code.FENCED
        elif isinstance(error, TimeoutError):
            code = stop.Code.TIMED_OUT
        elif stop.is_refusal(error):
            code = stop.Code.ACCESS_REFUSED
        spans = {
            f"{place.topic}/{place.partition}": (records[0].offset, records[-1].offset)
            for place, records in fetched.items()
        }
        # What an error says may quote a record; the system's own words about a file don't.
        said = str(error) if isinstance(error, OSError) and error.filename else type(error).__name__
        stop.at_once(code, "unit_of_work_failed", number=self.number, offsets=spans, error=said)
