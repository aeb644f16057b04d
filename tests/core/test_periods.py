"""Counts by period: the same as a plain count of what is recent, in any order."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.periods import Periods

KEPT_MAX = 13
numbers = st.integers(2_900, 2_940)
several = st.lists(st.tuples(numbers, st.integers(0, 9)), max_size=40)


@given(several, numbers, numbers)
def test_each_count_of_the_latest_periods_is_right(several: list[tuple[int, int]], one: int, other: int) -> None:
    periods, expected = Periods(), Counter[int]()
    for number, more in several:
        periods.add(number, more, KEPT_MAX)
        expected[number] += more
    newest = max((number for number, count in expected.items() if count), default=-1)
    first, last = sorted((one, other))
    assert periods.newest == newest
    assert len(periods.counts) <= KEPT_MAX
    wanted = range(max(first, newest - KEPT_MAX + 1), last + 1)
    assert periods.total(first, last) == sum(expected[number] for number in wanted)
