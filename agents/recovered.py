"""What a changelog gives is a partition's state only if it is whole: a worker never goes on with a part of it."""

from typing import NamedTuple, NoReturn

from agents import stop
from agents.group_positions import Positions
from agents.kafka_reader import Table
from agents.source_positions import SourcePositions, taken_from
from agents.unit_of_work import Place
from streams import topics
from streams.partition import Partition
from streams.partition_record import DamagedState

HINT = "stop all workers, then: bellwether state rebuild"


class Recovered(NamedTuple):
    """What a changelog gives of a partition number."""

    partition: Partition
    sources: SourcePositions


def recovered(number: int, table: Table, told: int | None) -> Recovered:
    """The partition, and where it is in its sources; ends the process if something is missing.

    Args:
        number: the partition's.
        table: the last value of each key.
        told: up to where the group was told that the journal was read. It may lag behind the state; ahead of it,
            decisions were published whose state is gone, and going on would publish them again.
    """
    try:
        sources = SourcePositions(taken_from(table))
        partition = Partition(table)
        _require_as_far(partition.position + 1, told or 0)
    except DamagedState as damage:
        refuse(number, str(damage))
    return Recovered(partition, sources)


def begun(number: int, sources: SourcePositions, told: Positions) -> dict[Place, int | None]:
    """Where reading begins in these places of the sources; ends the process where the state lost something of them."""
    try:
        return sources.begin(told)
    except DamagedState as damage:
        refuse(number, str(damage))


def _require_as_far(known: int, told: int) -> None:
    if told > known:
        raise DamagedState(f"the journal was read up to offset {told}, the state knows it up to {known}")


def refuse(number: int, damage: str) -> NoReturn:
    """The state can't be used: say why and what to do, and end."""
    stop.at_once(
        stop.Code.ASSIGNMENT_FAILED,
        "state_refused",
        topic=topics.CHANGELOG.name,
        partition=number,
        damage=damage,
        hint=HINT,
    )
