"""Ten bugs that the simulation must catch, each a patch of the code under test: context managers, by name.

Some take two patches: where two guards each suffice, both have to go.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

from agents import assignment, lane, pipeline, source_positions
from agents.decide import DecideWork
from agents.group_positions import Positions
from agents.kafka_log import KafkaLog
from agents.lane import Batch, Lane
from agents.unit_of_work import NOT_NOW, Fetched, Outputs, Place
from streams import topics, turn
from streams.partition import Partition
from streams.partition_record import RESERVED_KEYS, SOURCES_KEY
from tests.simulation import process
from tests.simulation.sources import PARTITIONS


@contextmanager
def offset_before_outputs() -> Iterator[None]:
    """The positions in the sources are committed in a transaction of their own, before the outputs."""

    async def carry_out(log: KafkaLog, outputs: Outputs, told: Mapping[Place, int] = NOT_NOW) -> None:
        for is_position in (True, False):
            await log.begin()
            for place, records in outputs.records.items():
                await log.append(place, [one for one in records if (one.key == SOURCES_KEY) is is_position])
            await log.commit(told)
        outputs.adopt()

    with patch.object(lane, "carry_out", carry_out):
        yield


@contextmanager
def failed_batch_skipped() -> Iterator[None]:
    """A lane whose unit failed starts its producer again and goes on with the next batch."""

    class Skipping(Lane):
        async def _carry_out(self, outputs: Outputs) -> None:
            try:
                await super()._carry_out(outputs)
            except Exception:  # noqa: BLE001 - the bug
                await self._log.start()  # type: ignore[attr-defined]
                self.positions.update(outputs.positions)

    with patch.object(pipeline, "Lane", Skipping):
        yield


@contextmanager
def appends_not_checked() -> Iterator[None]:
    """The commit doesn't look whether every append arrived."""

    async def commit(self: KafkaLog, told: Mapping[Place, int] = NOT_NOW) -> None:
        self._sent = []
        await commit_rightly(self, told)

    commit_rightly = KafkaLog.commit

    with patch.object(KafkaLog, "commit", commit):
        yield


@contextmanager
def changed_customer_left_out() -> Iterator[None]:
    """The changelog lacks one of a batch's changed customers."""

    def forget(outputs: Outputs, place: Place) -> None:
        records = outputs.records[place]
        customers = [one for one in records if one.key not in RESERVED_KEYS]
        outputs.records[place] = [one for one in records if one not in customers[:1]]

    with _changelog(forget):
        yield


@contextmanager
def replay_applied_twice() -> Iterator[None]:
    """A rebalance doesn't wait for what is under way, and what was applied before isn't passed over."""

    class Careless(Lane):
        async def drain(self) -> None:
            """Waits for nothing."""

        def _take(self) -> dict[Place, list[Fetched]]:
            positions, self.positions = self.positions, dict.fromkeys(self.positions)
            taken = super()._take()
            self.positions = positions
            return taken

    def compute(self: Partition, records: Any) -> Any:
        known = list(records)
        self.position = min([self.position, *(record.offset - 1 for record in known)])
        return compute_rightly(self, known)

    compute_rightly = Partition.compute
    with patch.object(pipeline, "Lane", Careless), patch.object(Partition, "compute", compute):
        yield


@contextmanager
def wrong_partition() -> Iterator[None]:
    """A changed customer goes to another partition of the changelog."""

    def misplace(outputs: Outputs, place: Place) -> None:
        records = outputs.records[place]
        strays = [one for one in records if one.key not in RESERVED_KEYS][:1]
        outputs.records[place] = [one for one in records if one not in strays]
        if strays:
            outputs.records[Place(place.topic, (place.partition + 1) % PARTITIONS)] = strays

    with _changelog(misplace):
        yield


@contextmanager
def id_by_the_clock() -> Iterator[None]:
    """A decision's id is made of the moment it is made at."""
    clock = count()
    with patch.object(turn, "candidate_id", lambda *_: f"id-{next(clock)}"):
        yield


@contextmanager
def fetched_records_dropped() -> Iterator[None]:
    """Reading opens before Faust empties its queues, and nobody counts the batches."""

    class Hasty(assignment.Assignment):
        async def recover(self) -> None:
            await super().recover()
            self.open()

        def offer(self, batch: Batch) -> None:
            self._offered[batch.place] = batch.number
            super().offer(batch)

    with patch.object(process, "Assignment", Hasty):
        yield


@contextmanager
def growth_not_read() -> Iterator[None]:
    """A number that stays goes on with the source partitions that it had."""
    unknown = assignment.Holding.unknown
    with patch.object(assignment.Holding, "unknown", lambda self: [] if self.lane else unknown(self)):
        yield


@contextmanager
def _changelog(spoil: Callable[[Outputs, Place], None]) -> Iterator[None]:
    """Outputs of the decide stage whose changelog is spoilt before they are carried out."""

    def compute(self: DecideWork, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        outputs = compute_rightly(self, fetched)
        place = Place(topics.CHANGELOG.name, self.number)
        if place in outputs.records:
            spoil(outputs, place)
        return outputs

    compute_rightly = DecideWork.compute
    with patch.object(DecideWork, "compute", compute):
        yield


@contextmanager
def group_believed() -> Iterator[None]:
    """Sources are read from where the group says, or else from their beginning."""

    def begun_with(_: object, told: Positions) -> dict[Place, tuple[int, str]]:
        return {place: (position or 0, "") for place, position in told.items()}

    with patch.object(source_positions, "begun_with", begun_with):
        yield


BUGS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    one.__name__: one
    for one in (
        offset_before_outputs,
        failed_batch_skipped,
        appends_not_checked,
        changed_customer_left_out,
        replay_applied_twice,
        wrong_partition,
        id_by_the_clock,
        fetched_records_dropped,
        growth_not_read,
        group_believed,
    )
}
