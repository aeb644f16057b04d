"""The unit of work: what a batch leads to goes onto the log in one transaction, then becomes the state.

    compute (pure) -> begin -> append outputs, changed state, input positions -> commit -> adopt

It is written against a small port, `TransactionalLog`: Kafka in production, lists in a simulation.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct, field

from agents import crash_points


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


NO_NOTES: Mapping[Place, str] = {}
NOT_NOW: Mapping[Place, int] = {}


class Record(Struct, frozen=True, gc=False):
    """What is appended: no key means any, no value is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Fetched(Protocol):
    """A record as it was read."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Outputs(Struct):
    """What a batch leads to.

    Attributes:
        records: what is appended where, in order.
        positions: per input partition, the offset of the first record not yet applied.
        adopt: makes the changes the state; called once everything is committed.
        notes: what is to be kept beside a position, for the next owner; none is an empty one.
    """

    positions: dict[Place, int]
    adopt: Callable[[], None]
    records: dict[Place, list[Record]] = field(default_factory=dict)
    notes: dict[Place, str] = field(default_factory=dict)

    def add(self, place: Place, record: Record) -> None:
        """Append a record to a place."""
        self.records.setdefault(place, []).append(record)

    def beside(self, other: "Outputs") -> "Outputs":
        """Both in one transaction. They append to different places, and have read different ones."""

        def adopt() -> None:
            self.adopt()
            other.adopt()

        return Outputs(self.positions | other.positions, adopt, self.records | other.records, self.notes | other.notes)


class TransactionalLog(Protocol):
    """What the unit of work asks of a log. Whatever it raises, the outcome of the transaction is unknown."""

    async def begin(self) -> None:
        """Open a transaction."""

    async def append(self, place: Place, records: Sequence[Record]) -> None:
        """Add records to the open transaction."""

    async def commit(self, told: Mapping[Place, int] = NOT_NOW) -> None:
        """Make sure that every append arrived, then commit them; the group's positions become what it is `told`."""


class Work(Protocol):
    """From fetched records to what they lead to. Pure but for what `adopt` will do."""

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """What these records, in offset order per place, lead to; of none, what is to be on the log all the same."""


async def carry_out(log: TransactionalLog, outputs: Outputs, told: Mapping[Place, int] = NOT_NOW) -> None:
    """One transaction for all of it, then adopt. The group is `told` where its members are, or nothing now."""
    await log.begin()
    for place, records in outputs.records.items():
        await log.append(place, records)
        crash_points.reached("P2")
    await log.commit(told)
    crash_points.reached("P5")
    outputs.adopt()
    crash_points.reached("P6")
