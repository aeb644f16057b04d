"""What a partition number reads of what was assigned, and which assignments can't be worked with."""

import pytest

from agents.shares import NotSharedOut, Shares
from agents.unit_of_work import Place

SHARES = Shares(4, ("journal", "changelog"), ("few", "many", "journal"))


def assigned(*numbers: int, **sources: tuple[int, ...]) -> set[Place]:
    bound = {Place(topic, number) for topic in SHARES.bound for number in numbers}
    return bound | {Place(topic, number) for topic, some in sources.items() for number in some}


def test_a_number_has_its_journal_partition_and_every_source_partition_that_leaves_it_as_remainder() -> None:
    assert SHARES.held(assigned(0, 3, few=(0,), many=(0, 3, 4, 7, 8))) == {
        0: [Place("few", 0), Place("journal", 0), Place("many", 0), Place("many", 4), Place("many", 8)],
        3: [Place("journal", 3), Place("many", 3), Place("many", 7)],
    }


def test_a_worker_with_nothing_holds_nothing() -> None:
    assert SHARES.held(set()) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (assigned(1, many=(1, 6)), "astray many/6, missing nothing"),
        (assigned(many=(0,)), "astray many/0, missing nothing"),
        (assigned(1) - {Place("changelog", 1)}, "astray nothing, missing changelog/1"),
        (assigned(1) - {Place("journal", 1)}, "astray nothing, missing journal/1"),
        (assigned(0, many=(0,)), "astray nothing, missing few/0"),
        (assigned(0, 4, few=(0,), many=(0,)), "astray changelog/4, journal/4, missing nothing"),
    ],
    ids=["not its number", "no number", "no changelog", "no journal", "a source is missing", "the journal grew"],
)
def test_what_does_not_come_together_is_refused(given: set[Place], told: str) -> None:
    with pytest.raises(NotSharedOut) as raised:
        SHARES.held(given)
    assert str(raised.value) == told
