"""When too much of a source becomes dead letters: in a row, or in a window, however the records come in batches."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import drains
from agents.intake import IntakeWork
from agents.metrics import Metrics
from agents.settings import SettingsError
from agents.unit_of_work import Place
from streams.drain import Limits, Toll, TooManyDeadLetters, count

LIMITS = Limits(in_a_row_max=3, ratio_max=0.5, window=10)
PLACE = Place("usage", 1)


def crossed(outcomes: str, limits: Limits = LIMITS, batches: int = 1000) -> int | None:
    """The index of the record that is too much; `x` is a dead letter. Counted in batches of that size."""
    toll = Toll()
    for first in range(0, len(outcomes), batches):
        batch = outcomes[first : first + batches]
        try:
            toll = count(toll, len(batch), [index for index, one in enumerate(batch) if one == "x"], limits)
        except TooManyDeadLetters as error:
            return first + error.index
    return None


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("", None),
        ("xxx", None),
        ("xxxx", 3),
        ("xxx.xxx.", 6),  # six in ten
        ("xxx......." * 20, None),
        (".......xxxx", 10),  # a run goes on from window to window
        ("xx.xx.x..." * 20, None),  # five in ten
        ("xx.xx.xx..", 7),
        ("....x.xx.xxx.xx", None),  # each window has its own count
        ("." * 5000 + "xxxx", 5003),
    ],
)
def test_a_limit_is_crossed_by_the_record_that_is_one_too_many(outcomes: str, expected: int | None) -> None:
    assert crossed(outcomes) == expected


@given(st.text("x.", max_size=60), st.integers(1, 20))
def test_it_does_not_matter_in_which_batches_the_records_come(outcomes: str, batches: int) -> None:
    assert crossed(outcomes, batches=batches) == crossed(outcomes)


def test_the_shipped_limits_let_some_garbage_pass_and_no_drain() -> None:
    assert crossed("x" * 100, Limits()) is None, "a few bad records in a quiet topic"
    assert crossed("x" * 101, Limits()) == 100
    assert crossed(("x" + "." * 59) * 500, Limits()) is None, "one or two in a hundred, as in the demo"
    assert crossed("xxx." * 1000, Limits()) == 666


def fetched(place: Place, values: list[bytes], first: int = 0) -> dict[Place, list[Any]]:
    numbered = enumerate(values, start=first)
    return {
        place: [SimpleNamespace(offset=2 * n, timestamp=5, key=None, value=value, headers=()) for n, value in numbered]
    }


def test_the_intake_counts_what_is_adopted_and_refuses_what_is_too_much() -> None:
    work = IntakeWork(4, Metrics(), LIMITS)
    good = b'{"type": "usage", "id": "u", "customer": "c", "at_ms": 1, "product": "p"}'
    outputs = work.compute(fetched(PLACE, [good, b"garbage", b""]))
    assert outputs.notes == {PLACE: "[3,2,2]"}
    assert work.compute(fetched(PLACE, [b""], 3)).notes == {PLACE: "[1,1,1]"}, "nothing was adopted yet"
    outputs.adopt()
    assert work.compute(fetched(Place("usage", 2), [good])).notes == {}, "nothing to count, no note"
    with pytest.raises(drains.Drained) as drained:
        work.compute(fetched(PLACE, [b"", b"garbage", b"garbage"], 3))
    told = drained.value.told
    assert (told.topic, told.partition, told.offset) == ("usage", 1, 8)
    assert (told.in_a_row, told.dead, told.seen) == (4, 4, 5)
    assert told.reasons == {"not_json": 2, "empty": 1}
    restarted = IntakeWork(4, Metrics(), LIMITS, outputs.notes)
    with pytest.raises(drains.Drained):
        restarted.compute(fetched(PLACE, [b""] * 2, 3))
    unlimited = IntakeWork(4, Metrics())
    assert len(unlimited.compute(fetched(PLACE, [b""] * 500)).records) == 1


def test_tolls_survive_as_notes_and_those_of_others_count_for_nothing() -> None:
    tolls = {PLACE: Toll(7, 3, 2)}
    assert drains.recalled(drains.noted(tolls)) == tolls
    assert drains.recalled({PLACE: "somebody else's", Place("usage", 2): ""}) == {}


def test_limits_come_from_the_environment_and_only_those_that_are_named_differ() -> None:
    assert drains.limits("") == Limits()
    assert drains.limits(" unlimited ") is None
    assert drains.limits("in_a_row_max=7, ratio_max=0.25") == Limits(in_a_row_max=7, ratio_max=0.25)


@pytest.mark.parametrize("said", ["no", "in_a_row_max=0", "ratio_max=2", "window=x", "in_a_row=5"])
def test_what_can_be_no_limit_is_refused(said: str) -> None:
    with pytest.raises(SettingsError, match=r"^BELLWETHER_DEADLETTERS: .* expected as in"):
        drains.limits(said)
