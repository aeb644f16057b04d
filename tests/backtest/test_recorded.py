"""Live decisions held against what the journal leads to: the first place where they part is told."""

import pytest

from agents.backtest.course import digest
from agents.backtest.recorded import Live, Published, compare

ONE, TWO, THREE, OTHER = (digest(text) for text in (b"1", b"2", b"3", b"x"))


def live(made: list[bytes], published: Published) -> Live:
    return compare({0: ONE, 2: b"".join(made)}, {0: Published([ONE]), 2: published})


def test_the_same_bytes_in_the_same_order_are_equal() -> None:
    found = live([ONE, TWO], Published([ONE, TWO]))
    assert (found.is_equal, found.compared, found.statement) == (True, 3, "yes, 3 decisions, byte for byte")


@pytest.mark.parametrize(
    ("published", "told"),
    [
        (Published([ONE, OTHER]), "partition 2: decision 2 of 2 differs"),
        (Published([TWO, ONE]), "partition 2: decision 1 of 2 differs"),
        (Published([ONE]), "partition 2: 1 decisions, from 2 on, were never published"),
        (Published([], goes_on=True), "partition 2: 2 decisions, from 1 on, were never published"),
        (Published([ONE, TWO, THREE]), "partition 2: 1 decisions more than follow from it"),
        (Published([TWO], is_cut=False), "partition 2: decision 1 of 2 differs"),
    ],
)
def test_what_differs_is_told(published: Published, told: str) -> None:
    found = live([ONE, TWO], published)
    assert (found.is_equal, found.differences) == (False, [told])


def test_newer_ones_may_follow_where_the_log_goes_on() -> None:
    assert live([ONE, TWO], Published([ONE, TWO, THREE], goes_on=True)).is_equal


def test_what_retention_has_removed_is_not_missed() -> None:
    found = live([ONE, TWO, THREE], Published([TWO, THREE], is_cut=True))
    assert (found.is_equal, found.compared) == (True, 3)


def test_where_nothing_was_decided_nothing_is_claimed() -> None:
    assert compare({0: b""}, {0: Published([])}).is_equal is None
