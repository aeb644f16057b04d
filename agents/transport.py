"""Every private part of Faust that we override, but for `agents/assignor.py`. `tests/contract/` guards each.

Faust keeps group membership, assignment, lifecycle and agents. It doesn't fetch, seek, commit or recover: batches come
from `Assignment`, which reads with consumers of its own (docs/decisions/0002-own-reader.md says why).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from typing import Any

import faust
import faust.tables.manager
import faust.tables.recovery
import faust.topics
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from agents import stop
from agents.assignment import STOP_DRAIN_LIMIT_SECONDS


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Keeps Faust's own consumer from fetching: it is here for membership only."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Pause everything in the client before Faust hears of the assignment."""
        self._thread._ensure_consumer().pause(*assigned)  # noqa: SLF001 - the thread has no public way to its client
        await super().on_partitions_assigned(assigned)


class BatchConsumer(driver.Consumer):
    """Hands each partition's records on as one message whose value is a `Batch`."""

    RebalanceListener = RebalanceListener

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Faust drops a message whose offset is below one it has seen; batches are numbered so that none ever is.
        self._numbers = count(1)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002, ASYNC109 - Faust's signature
        """The next batches, whatever the partition; they carry their own positions."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self.should_stop:
            return
        for batch in await self.app.assignment.read():
            place = TP(batch.place.topic, batch.place.partition)
            yield place, self._message(place, batch)

    async def perform_seek(self) -> None:
        """Nothing to seek: a reader begins at its positions and is never moved."""

    async def verify_all_partitions_active(self) -> None:
        """Nothing to verify: this consumer doesn't fetch; our watchdog looks at lag and progress."""

    def _message(self, place: TP, batch: Any) -> ConsumerMessage:
        return ConsumerMessage(
            place.topic,
            place.partition,
            offset=next(self._numbers),
            timestamp=0.0,
            timestamp_type=0,
            headers=[],
            key=None,
            value=batch,
            checksum=None,
            tp=place,
            generation_id=self.app.consumer_generation_id,  # a stream skips messages of another generation
        )


class Transport(driver.Transport):
    """Faust's Kafka transport, moving batches."""

    Consumer = BatchConsumer


class BatchTopic(faust.topics.Topic):
    """A topic whose messages carry a `Batch`; nothing is decoded before the lane."""

    def _compile_decode(self) -> None:
        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust's signature
            return self._create_event(message.key, message.value, headers=None, message=message)

        self.decode = decode


class Recovery(faust.tables.recovery.Recovery):
    """Faust's sequence of a recovery without its reading: the table does that (`CustomerTable`)."""

    async def _build_highwaters(self, *_: Any) -> None:
        """Nothing is read through Faust's consumer, so no end is needed."""

    async def _build_offsets(self, *_: Any) -> None:
        """Likewise no beginning."""

    async def _seek_offsets(self, *_: Any) -> None:
        """Likewise no position."""

    def need_recovery(self) -> bool:
        """Never through Faust's consumer."""
        return False


class TableManager(faust.tables.manager.TableManager):
    """Uses our `Recovery`."""

    @property
    def recovery(self) -> Recovery:
        """The recovery service, made on first use."""
        if self._recovery is None:
            self._recovery: Recovery | None = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class CustomerTable(faust.Table):
    """The one Faust table. Its data is `app.assignment.tables`; lanes write its changelog in their transactions."""

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Recover what was newly assigned. Faust would lose an exception here: the process ends instead."""
        with stop.on_failure(stop.Code.ASSIGNMENT_FAILED, "recovery_failed"):
            await self.app.assignment.recover()
        await super().on_recovery_completed(active_tps, standby_tps)


class BatchApp(faust.App):
    """A Faust app whose partitions are held by an `Assignment`.

    Set before it starts: `companions` run from start to stop (Faust's own tasks only begin after the first recovery),
    `prepare` is awaited before all that, `on_drained` in a clean stop once nothing is under way any more.
    """

    assignment: Any
    prepare: Callable[[], Awaitable[object]]
    companions: Sequence[Callable[[], Awaitable[None]]]
    on_drained: Callable[[], Awaitable[object]]

    async def on_start(self) -> None:
        """What must be known comes first, then companions, before anything of Faust's with Kafka."""
        await self.prepare()
        for companion in self.companions:
            self.add_future(companion())
        await super().on_start()

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Our lanes finish before Faust gives the partitions up."""
        await self.assignment.revoke()
        await super()._on_partitions_revoked(revoked)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Old owners are fenced before anything of the partitions is read."""
        with stop.on_failure(stop.Code.ASSIGNMENT_FAILED, "fencing_failed"):
            await self.assignment.assign({(tp.topic, tp.partition) for tp in assigned})
        await super()._on_partitions_assigned(assigned, generation_id)

    def on_rebalance_end(self) -> None:
        """Faust has resumed: batches may flow."""
        super().on_rebalance_end()
        self.assignment.open()

    async def _stop_consumer(self) -> None:
        """A clean stop: what is under way is committed, then the group is left."""
        await self.assignment.revoke(STOP_DRAIN_LIMIT_SECONDS)
        await self.on_drained()
        await super()._stop_consumer()

    def _create_directories(self) -> None:
        """None: nothing of ours is kept on this machine's disk."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)
