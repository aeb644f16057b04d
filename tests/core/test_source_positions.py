"""Where a partition goes on in its sources: the state says it, unless an operator does."""

import pytest
from aiokafka.structs import OffsetAndMetadata

from agents.group_positions import Positions
from agents.kafka_log import OURS
from agents.source_positions import SourcePositions, begun_with, record, taken_from
from agents.unit_of_work import Outputs, Place
from streams.partition_record import SOURCES_KEY, DamagedState

CARDS, USAGE, RETIRED, CHANGELOG = Place("cards", 1), Place("usage", 5), Place("retired", 1), Place("changelog", 1)
KEPT = {CARDS: (7, "[1,2,3]"), RETIRED: (9, "")}


def told(place: Place, offset: int, beside: str = OURS) -> Positions:
    return Positions({place: OffsetAndMetadata(offset, beside)})


def test_what_is_kept_is_read_again_and_leaves_the_table() -> None:
    table = {b"customer": b"state", SOURCES_KEY: record(KEPT).value or b""}
    assert taken_from(table) == KEPT
    assert table == {b"customer": b"state"}
    assert taken_from(table) == {}, "nothing was read yet"


def test_what_cannot_be_read_is_damage() -> None:
    with pytest.raises(DamagedState, match="positions in the sources can't be read"):
        taken_from({SOURCES_KEY: b"x"})


@pytest.mark.parametrize("offset", [-1, 0, 6, 7])
def test_the_state_says_where_it_goes_on_whatever_the_group_was_told_before(offset: int) -> None:
    assert begun_with(KEPT, told(CARDS, offset)) == KEPT


def test_a_group_that_was_told_more_shows_that_a_state_was_lost() -> None:
    with pytest.raises(DamagedState, match="cards, partition 1 was read up to offset 8, the state says 7"):
        begun_with(KEPT, told(CARDS, 8))
    with pytest.raises(DamagedState, match="usage, partition 5 was read up to offset 1, the state says -1"):
        begun_with(KEPT, told(USAGE, 1))


@pytest.mark.parametrize("offset", [0, 3, 8])
def test_an_operator_may_set_it_to_anything(offset: int) -> None:
    assert begun_with(KEPT, told(CARDS, offset, "")) == KEPT | {CARDS: (offset, "")}


def test_the_first_unit_writes_it_in_any_case_and_then_those_that_read() -> None:
    positions = SourcePositions(dict(KEPT))
    adopted: list[str] = []

    def written(read: dict[Place, int]) -> list[bytes | None]:
        outputs = Outputs(read, lambda: adopted.append("the rest"), notes={USAGE: "[0,0,1]"})
        positions.note(outputs, read, CHANGELOG)
        outputs.adopt()
        return [one.value for one in outputs.records.get(CHANGELOG, [])]

    assert written({}) == [record(KEPT).value]
    assert written({}) == []
    assert written({USAGE: 4}) == [record(KEPT | {USAGE: (4, "[0,0,1]")}).value], "what others read stays"
    assert positions.notes == {CARDS: "[1,2,3]", USAGE: "[0,0,1]"}
    new = Place("new", 1)
    told = Positions(
        {CARDS: OffsetAndMetadata(-1, ""), RETIRED: OffsetAndMetadata(2, ""), new: OffsetAndMetadata(-1, "")}
    )
    assert positions.begin(told) == {CARDS: 7, RETIRED: 2, new: None}
    assert written({}) == [record(KEPT | {USAGE: (4, "[0,0,1]"), RETIRED: (2, "")}).value], "an operator's word too"
    assert adopted == ["the rest"] * 4
