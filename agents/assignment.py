"""What a worker holds: for each partition number its fenced producer, its recovered state and its lane.

    revoked: reading stops -> lanes drain        (nothing of ours is under way any more)
    assigned: lost ones are let go -> new ones are fenced -> their state is read -> reading begins

A partition that stays with this worker through a rebalance keeps its state: had anybody else owned it in between, its
producer would be fenced, and its next transaction would end this process.
"""

import asyncio
from collections.abc import Iterable
from time import monotonic

import structlog
from msgspec import Struct

from agents import crash_points, stop
from agents.accounting import Instruments
from agents.group_positions import Positions, committed_positions
from agents.kafka_log import KafkaLog, lane_id
from agents.kafka_reader import Reader, Table, read_into
from agents.lane import Batch, Lane
from agents.pipeline import Stages
from agents.shares import NotSharedOut, Shares
from agents.unit_of_work import Place

log = structlog.get_logger()
DRAIN_LIMIT_SECONDS = 40.0  # longer than a unit of work may take, far below the rebalance time-out
STOP_DRAIN_LIMIT_SECONDS = 7.0  # in a clean stop: we end of ourselves, before the supervisor's patience does
FENCE_LIMIT_SECONDS = 15.0  # usually 0.1; one lost answer would hold up the partitions for aiokafka's own 40, twice
IDLE_SECONDS = 0.05


class Holding(Struct):
    """One partition number: its log, and its lane once its state is recovered.

    `places` are what is read for it: its partition of the journal and its share of each source topic.
    """

    number: int
    log: KafkaLog
    places: list[Place]
    lane: Lane | None = None

    def unknown(self) -> list[Place]:
        """Places that have no position yet: all at first, then those by which a topic grew."""
        return [place for place in self.places if self.lane is None or place not in self.lane.positions]


class Assignment:
    """The partitions of this worker. `tables` is the Faust table's data: partition number to blobs by key."""

    def __init__(self, kafka: str, stages: Stages, instruments: Instruments) -> None:
        self.holdings: dict[int, Holding] = {}
        self.recovered = asyncio.Event()
        self.tables: dict[int, Table] = {}
        self.shares = Shares(stages.partitions, (stages.journal, stages.changelog), stages.topics)
        self._kafka = kafka
        self._stages = stages
        self._instruments = instruments
        instruments.metrics.partitions.set_function(lambda: len(self.holdings))
        instruments.metrics.customers.set_function(lambda: sum(map(len, self.tables.values())))
        self._ready = False
        self._reader_to_be: Reader | None = None
        self._reader: Reader | None = None
        self._offered: dict[Place, int] = {}
        self._generation = 0
        self._to_recover = False
        self._recovering = asyncio.Lock()

    async def revoke(self, limit_seconds: float = DRAIN_LIMIT_SECONDS) -> None:
        """Stop reading and let what is under way finish; ends the process if it takes too long."""
        began_at = monotonic()
        self._generation += 1
        self._to_recover = False
        self.recovered.clear()
        readers = (self._reader, self._reader_to_be)
        self._ready, self._reader, self._reader_to_be = False, None, None
        try:
            async with asyncio.timeout(limit_seconds):
                await asyncio.gather(*(lane.drain() for lane in self.lanes()))
        except TimeoutError:
            stop.at_once(stop.Code.TIMED_OUT, "drain_took_too_long", limit_seconds=limit_seconds)
        await asyncio.gather(*map(_stop, readers))
        log.info("drained", journal=self._applied(), seconds=round(monotonic() - began_at, 3))

    async def assign(self, assigned: Iterable[tuple[str, int]]) -> None:
        """Let lost partitions go and fence the old owners of new ones: before any state or offset is read.

        A number that stays may read other source partitions than before: some more, as a rule, where a topic grew.

        Raises:
            TimeoutError: the old owners could not be fenced in time; whether they were is unknown.
        """
        places, began_at = self._places(assigned), monotonic()
        lost = [self.holdings.pop(number) for number in set(self.holdings) - places.keys()]
        for holding in lost:
            self.tables.pop(holding.number, None)
        self._stages.let_go(holding.number for holding in lost)
        new = [self._holding(number, places[number]) for number in sorted(places.keys() - self.holdings.keys())]
        await asyncio.gather(*(holding.log.stop() for holding in lost))
        async with asyncio.timeout(FENCE_LIMIT_SECONDS):
            await asyncio.gather(*(holding.log.start() for holding in new))
        self.holdings.update({holding.number: holding for holding in new})
        for number, holding in self.holdings.items():
            holding.places = places[number]
        self._to_recover = True
        self._instruments.health.assigned(len(places))
        seconds = round(monotonic() - began_at, 3)
        log.info("partitions_assigned", held=sorted(self.holdings), new=[one.number for one in new], seconds=seconds)

    async def recover(self) -> None:
        """Read the state of new partitions and make a reader ready, once for each assignment.

        At a rebalance Faust only stops waiting: the recovery before may still run, or begin, beside the next.
        """
        async with self._recovering:
            if self._to_recover:
                await self._recover()

    async def _recover(self) -> None:
        """Gives up if a rebalance comes meanwhile: the next recovery waits for this one's end."""
        generation, began_at = self._generation, monotonic()
        missing = {number: holding for number, holding in self.holdings.items() if holding.lane is None}
        tables = {number: self._stages.new_table() for number in missing}
        await read_into(tables, self._kafka, self._stages.changelog, lambda: generation == self._generation)
        unknown = {number: holding.unknown() for number, holding in self.holdings.items()}
        positions = await self._positions([place for places in unknown.values() for place in places])
        crash_points.reached("P10")
        if generation != self._generation:
            return
        for number, holding in self.holdings.items():
            found = positions.of(unknown[number])
            if holding.lane is None:
                self.tables[number] = tables[number]
                holding.lane = self._stages.take_up(number, holding.log, tables[number], found)
            elif found:
                holding.lane.read_also(self._stages.grown(number, found))
        reader = await self._begun_reader()
        if generation != self._generation:
            await _stop(reader)
            return
        self._to_recover, self._ready, self._reader_to_be = False, True, reader
        self._instruments.metrics.recovery_duration_seconds.set(monotonic() - began_at)

    def open(self) -> None:
        """Begin to read: only now, since Faust empties the agents' queues while it resumes."""
        if not self._ready:
            return
        self._ready, self._reader, self._reader_to_be = False, self._reader_to_be, None
        self._offered = {}
        self.recovered.set()
        self._instruments.health.recovered()
        log.info("ready", journal=self._applied(), states=sum(map(len, self.tables.values())))

    async def read(self) -> list[Batch]:
        """The next batches, stamped with this generation; empty when nothing came or nothing is held."""
        reader, generation = self._reader, self._generation
        if reader is None:
            await asyncio.sleep(IDLE_SECONDS)
            return []
        try:
            batches = await reader.read()
        except Exception as error:  # noqa: BLE001 - whatever it is, it can't be read
            if generation != self._generation:
                return []  # closed under our hands by a rebalance
            code = stop.Code.ACCESS_REFUSED if stop.is_refusal(error) else stop.Code.BATCH_FAILED
            stop.at_once(code, "reading_failed", error=repr(error))
        for batch in batches:
            batch.generation = generation
        return batches

    def offer(self, batch: Batch) -> None:
        """Hand a batch to its lane; one that outlived its generation is dropped, it will be read again."""
        if batch.generation != self._generation:
            return
        expected = self._offered.get(batch.place, 0)
        if batch.number != expected:  # one was dropped on its way through Faust: going on would lose it
            stop.at_once(
                stop.Code.BATCH_FAILED, "batch_lost", place=batch.place, number=batch.number, expected=expected
            )
        self._offered[batch.place] = expected + 1
        lane = self.holdings[self.shares.number_of(batch.place)].lane
        assert lane is not None  # noqa: S101 - for the type checker: what is read has a lane
        lane.offer(batch)

    def lanes(self) -> list[Lane]:
        """All lanes that are ready."""
        return [holding.lane for holding in self.holdings.values() if holding.lane is not None]

    def quiet_seconds(self) -> float:
        """How long ago Kafka last answered for the place it has been silent about the longest; 0 if none is read."""
        return self._reader.quiet_seconds() if self._reader is not None else 0.0

    async def lags(self) -> dict[Place, tuple[int, int]]:
        """Position reached and end of the log, per place that is read."""
        reader, generation = self._reader, self._generation
        if reader is None:
            return {}
        try:
            return await reader.lags()
        except Exception:
            if generation != self._generation:
                return {}  # closed under our hands by a rebalance
            raise

    def _applied(self) -> dict[int, int | None]:
        """Up to where each partition's journal is applied: the offset of the next entry, None before the first."""
        journals = {Place(self._stages.journal, number): number for number in sorted(self.holdings)}
        positions = {place: position for lane in self.lanes() for place, position in lane.positions.items()}
        return {number: positions[place] for place, number in journals.items() if place in positions}

    def _holding(self, number: int, places: list[Place]) -> Holding:
        group = self._stages.group
        return Holding(number, KafkaLog(self._kafka, lane_id(group, number), group), places)

    async def _begun_reader(self) -> Reader | None:
        """A reader at the lanes' positions; None if this worker has no partition."""
        lanes = {
            place: holding.lane
            for holding in self.holdings.values()
            if holding.lane is not None
            for place in holding.places
            if place in holding.lane.positions
        }
        if not lanes:
            return None
        reader = Reader(self._kafka, lanes)
        with stop.on_failure(stop.Code.BATCH_FAILED, "reading_failed"):
            await reader.start({place: lane.positions[place] for place, lane in lanes.items()})
        return reader

    async def _positions(self, places: list[Place]) -> Positions:
        return await committed_positions(self._kafka, self._stages.group, places) if places else Positions({})

    def _places(self, assigned: Iterable[tuple[str, int]]) -> dict[int, list[Place]]:
        """What is read for each partition number held; ends the process where it can't go on with that."""
        try:
            return self.shares.held({Place(*one) for one in assigned})
        except NotSharedOut as error:
            hint = "are all topics there, journal and changelog with one partition count: bellwether topics check"
            stop.at_once(stop.Code.ASSIGNMENT_FAILED, "partitions_not_together", error=str(error), hint=hint)


async def _stop(reader: Reader | None) -> None:
    if reader is not None:
        await reader.stop()
