"""What a changelog gives is a partition's state only if it is whole: a worker never goes on with a part of it."""

from typing import NoReturn

from agents import stop
from streams import topics
from streams.partition import Partition
from streams.partition_record import DamagedState

HINT = "stop all workers, then: bellwether state rebuild"


def partition_of(number: int, table: dict[bytes, bytes], committed: int | None) -> Partition:
    """The partition that its changelog gives; ends the process if something is missing.

    Args:
        number: the partition's.
        table: the last value of each key.
        committed: up to where the group has read the journal. It may lag behind the state; ahead of it, decisions were
            published whose state is gone, and going on would publish them again.
    """
    try:
        partition = Partition(table)
    except DamagedState as damage:
        refuse(number, str(damage))
    if committed is not None and committed > partition.position + 1:
        refuse(
            number, f"the journal was read up to offset {committed}, the state knows it up to {partition.position + 1}"
        )
    return partition


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
