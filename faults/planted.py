"""Bugs, planted in a worker that the suite starts for it: whoever tests must find them, or the tests say nothing.

Each is a way in which stream processors have really lost or doubled records. Most show after kills; number 3, a failed
send that nobody looks at, shows where the broker refuses a record.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents import lane
from agents.decide import DecideWork
from agents.kafka_log import KafkaLog, lane_id
from agents.lane import Lane
from agents.unit_of_work import NOT_NOW, Fetched, Outputs, Place, Record, TransactionalLog
from streams import topics, turn
from streams.actions import candidate_id
from streams.partition_record import RESERVED_KEYS, SOURCES_KEY


def offsets_before_outputs() -> None:
    """Positions in the sources are committed in a transaction of their own, before the outputs."""

    async def in_two(log: TransactionalLog, outputs: Outputs, told: Mapping[Place, int] = NOT_NOW) -> None:
        for is_position in (True, False):
            await log.begin()
            for place, records in outputs.records.items():
                await log.append(place, [one for one in records if (one.key == SOURCES_KEY) is is_position])
            await log.commit(told)
        outputs.adopt()

    vars(lane)["carry_out"] = in_two


def failed_batch_skipped() -> None:
    """A worker that is fenced gets itself a new producer and goes on with the next batch."""
    carry_out = Lane._carry_out  # noqa: SLF001 - the bug

    async def skipping(self: Any, outputs: Outputs) -> None:
        try:
            await carry_out(self, outputs)
        except Exception:  # noqa: BLE001 - the bug
            self._log = KafkaLog(_kafka_of(self._log), lane_id(topics.APP, self.number), topics.APP)
            await self._log.start()
            self.positions.update(outputs.positions)

    Lane._carry_out = skipping  # type: ignore[method-assign]  # noqa: SLF001 - the bug


def failed_send_unnoticed() -> None:
    """Nobody looks at what became of the appends: `commit_transaction` succeeds though a batch in it failed."""
    commit = KafkaLog.commit

    async def unchecked(self: Any, told: Mapping[Place, int] = NOT_NOW) -> None:
        for sent in self._sent:
            sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._sent = []
        await commit(self, told)

    KafkaLog.commit = unchecked  # type: ignore[method-assign]


def changelog_record_left_out() -> None:
    """Now and then the changelog doesn't get one of the customers that changed."""
    _change_changelog(lambda number, records: {number: records[1:] if len(records) > 1 else records})


def replay_applied_twice() -> None:
    """What was under way when a rebalance came is read again, and not skipped."""

    async def drain(self: Any) -> None:
        positions = dict(self.positions)
        self._queue.clear()
        self._queued = 0
        if self._task is not None:
            await asyncio.wait([self._task])
        self.positions.update(positions)

    Lane.drain = drain  # type: ignore[method-assign]


def changelog_in_the_wrong_partition() -> None:
    """A changed customer's record goes to the next partition of the changelog."""
    _change_changelog(lambda number, records: {number: records[1:], (number + 1) % topics.PARTITIONS: records[:1]})


def chance_in_an_id() -> None:
    """An action's id is drawn rather than made of its causes."""
    made = candidate_id

    def drawn(*arguments: Any) -> str:
        return made(*arguments)[:-4] + f"{random.getrandbits(16):04x}"

    vars(turn)["candidate_id"] = drawn


def fetched_dropped_at_a_rebalance() -> None:
    """What was queued when a partition moves counts as done."""
    drain = Lane.drain

    async def forgetful(self: Any) -> None:
        for batch in self._queue:
            self.positions[batch.place] = batch.records[-1].offset + 1
        await drain(self)

    Lane.drain = forgetful  # type: ignore[method-assign]


BUGS: dict[int, Callable[[], None]] = {
    1: offsets_before_outputs,
    2: failed_batch_skipped,
    3: failed_send_unnoticed,
    4: changelog_record_left_out,
    5: replay_applied_twice,
    6: changelog_in_the_wrong_partition,
    7: chance_in_an_id,
    8: fetched_dropped_at_a_rebalance,
}


def plant(number: int) -> None:
    """Make this process have the bug."""
    BUGS[number]()


def _kafka_of(log: Any) -> str:
    return str(log._producer.client._bootstrap_servers)  # noqa: SLF001 - the bug has no better way either


Change = Callable[[int, list[Record]], dict[int, list[Record]]]


def _change_changelog(change: Change) -> None:
    """Every fifth batch that changes a customer has its changelog records changed."""
    compute, passes = DecideWork.compute, [0]

    def changed(self: DecideWork, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        outputs = compute(self, fetched)
        own = Place(topics.CHANGELOG.name, self.number)
        customers = [one for one in outputs.records.get(own, []) if one.key not in RESERVED_KEYS]
        passes[0] += bool(customers)
        if customers and passes[0] % 5 == 0:
            kept = [one for one in outputs.records.pop(own) if one.key in RESERVED_KEYS]
            for number, records in change(self.number, customers).items():
                outputs.records[Place(own.topic, number)] = records + (kept if number == self.number else [])
        return outputs

    DecideWork.compute = changed  # type: ignore[method-assign]
