"""Where a partition number is in each source: kept with its state, in the transaction that takes the records in.

The group hears it too, a moment later, so that lag shows wherever operators look; nobody goes on from there. Unless
somebody else set it, `kafka-consumer-groups.sh --reset-offsets` say: that is an operator's word, and counts.
Why they aren't committed with every transaction: `docs/decisions/0014-positions-in-the-state.md`.
"""

from collections.abc import Mapping

import msgspec

from agents.group_positions import Positions
from agents.kafka_reader import Table, read_table
from agents.unit_of_work import Outputs, Place, Record
from streams import topics
from streams.partition_record import SOURCES_KEY, DamagedState

Kept = dict[Place, tuple[int, str]]


def taken_from(table: Table) -> Kept:
    """The position in each source and what is noted beside it, taken out of a partition's recovered table.

    Raises:
        DamagedState: that can't be read.
    """
    try:
        rows = msgspec.msgpack.decode(table.pop(SOURCES_KEY, b"\x90"), type=list[tuple[str, int, int, str]])
    except msgspec.MsgspecError as error:
        raise DamagedState("the positions in the sources can't be read") from error
    return {Place(topic, partition): (position, note) for topic, partition, position, note in rows}


def record(kept: Kept) -> Record:
    """What the table keeps of them."""
    rows = [(*place, *kept[place]) for place in sorted(kept)]
    return Record(SOURCES_KEY, msgspec.msgpack.encode(rows))


async def known(kafka: str) -> dict[Place, int]:
    """All of them, as the changelog has them."""
    tables = await read_table(kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))
    return {place: position for table in tables.values() for place, (position, _) in taken_from(table).items()}


def begun_with(kept: Kept, told: Positions) -> Kept:
    """Where reading begins: where the state is, or where an operator has set the group.

    Places that this worker doesn't read stay as they are: another one may.

    Raises:
        DamagedState: the group was told of records that the state doesn't know to be taken in.
    """
    begun = dict(kept)
    for place, position in told.items():
        at = kept[place][0] if place in kept else -1
        if position is None or (place in told.ours and position <= at):
            continue
        if place in told.ours:
            raise DamagedState(
                f"{place.topic}, partition {place.partition} was read up to offset {position}, the state says {at}"
            )
        begun[place] = (position, "")
    return begun


class SourcePositions:
    """Those of one partition number, beside what its works do."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._is_written = False

    @property
    def notes(self) -> dict[Place, str]:
        """What was noted beside positions."""
        return {place: note for place, (_, note) in self._kept.items() if note}

    def begin(self, told: Positions) -> dict[Place, int | None]:
        """The first record not yet taken in of each place that the group was asked for; None is the oldest.

        Raises:
            DamagedState: as `begun_with`.
        """
        self._kept, self._is_written = begun_with(self._kept, told), False
        return {place: self._kept[place][0] if place in self._kept else None for place in told}

    def note(self, outputs: Outputs, read: Mapping[Place, object], changelog: Place) -> None:
        """Have a unit of work write them too, if it `read` from sources; the first one after a beginning in any case.

        With it the group is told, and its word isn't an operator's any more.
        """
        if not read and self._is_written:
            return
        kept = self._kept | {place: (outputs.positions[place], outputs.notes.get(place, "")) for place in read}
        outputs.add(changelog, record(kept))
        adopt = outputs.adopt

        def adopt_both() -> None:
            self._kept, self._is_written = kept, True
            adopt()

        outputs.adopt = adopt_both
