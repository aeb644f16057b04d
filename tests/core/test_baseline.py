"""The base line of a customer's weeks: in any order, with years of habits, under the default parameters."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.events import Interaction
from streams.journal import Tick
from streams.trigger import Candidate, load
from streams.triggers.baseline import WEEK_MS, Weeks, fall, silent_weeks, week_end_ms, week_of
from streams.triggers.wording import DAY_MS

ENGAGEMENT_DROP = load()["engagement_drop"]
MONDAY_MS = 1_767_571_200_000
KEPT_MAX = 70
days = st.lists(st.integers(0, 900), max_size=60)


def weeks_of(some_days: Iterable[int], kept_max: int = KEPT_MAX) -> Weeks:
    weeks = Weeks()
    for day in some_days:
        weeks.mark(MONDAY_MS + day * DAY_MS, kept_max)
    return weeks


@given(days, st.randoms(use_true_random=False))
def test_weeks_are_the_same_in_any_order_however_often_told(some_days: list[int], random: Random) -> None:
    shuffled = some_days * 2
    random.shuffle(shuffled)
    weeks, other = weeks_of(some_days, 1000), weeks_of(shuffled, 1000)
    assert weeks == other
    assert sum(weeks.counts()) == len(set(some_days))


@given(days, st.integers(1, 30))
def test_only_the_latest_weeks_are_kept(some_days: list[int], kept_max: int) -> None:
    weeks = weeks_of(some_days, kept_max)
    latest = max(some_days, default=0) // 7 - kept_max
    assert len(weeks.days) <= kept_max
    assert sum(weeks.counts()) == len({day for day in some_days if day // 7 > latest})


def test_a_late_day_finds_no_room_after_fewer_weeks_are_kept() -> None:
    weeks = weeks_of([70, 140, 0], 20)
    weeks.mark(MONDAY_MS, 10)
    assert sum(weeks.counts()) == 2


@given(st.integers(0, 4_102_444_800_000))
def test_a_week_ends_when_the_next_begins(at_ms: int) -> None:
    week = week_of(at_ms)
    assert week_end_ms(week) - WEEK_MS <= at_ms < week_end_ms(week)
    assert week_of(week_end_ms(week)) == week + 1
    assert week_end_ms(week_of(MONDAY_MS - 1)) == MONDAY_MS


def test_a_fall_is_measured_against_what_was_before_it() -> None:
    assert fall([4, 4, 4, 4, 1, 1], 4, 2, 30) is not None
    assert fall([4, 4, 4, 4, 2, 1], 4, 2, 30) is None
    found = fall([4, 5, 4, 0, 4, 0, 1, 1], 4, 2, 30)
    assert found is not None
    assert (found.weeks, found.before, found.usual) == (3, (5, 4, 0, 4), 4)
    assert silent_weeks([]) == 0
    assert silent_weeks([0, 3, 0, 0]) == 2


def decided(counts: list[int]) -> list[tuple[int, Candidate]]:
    """What is decided over such weeks, each looked at when it is over, with the number of the week before."""
    state, parameters, found = ENGAGEMENT_DROP.state(), ENGAGEMENT_DROP.config(), []
    for week, count in enumerate(counts):
        begin_ms = MONDAY_MS + week * WEEK_MS
        for day in range(count):
            at_ms = begin_ms + day * DAY_MS
            seen = Interaction(id=f"e{week}-{day}", customer="anna", at_ms=at_ms, kind="login")
            assert not list(ENGAGEMENT_DROP.rule(seen, state, parameters))
        candidates = ENGAGEMENT_DROP.rule(Tick(begin_ms + WEEK_MS + DAY_MS), state, parameters)
        found += [(week, one) for one in candidates]
    return found


def test_a_lasting_fall_is_told_once_in_its_fourth_week() -> None:
    found = decided([4, 5, 3, 4] * 5 + [1, 0] * 30)
    assert [(week, one.quiet) for week, one in found] == [(23, None)]
    assert found[0][1].measured["usual_days_a_week"].value == 4


def test_the_same_holiday_every_year_is_quiet_and_a_longer_one_is_not() -> None:
    year = [4, 3, 5, 4] * 11 + [0] * 6 + [4, 4]
    assert [(week, one.quiet) for week, one in decided(year * 3)] == [
        (47, None),
        (52 + 47, "holiday_pattern"),
        (104 + 47, "holiday_pattern"),
    ]
    longer = decided(year + [4, 3, 5, 4] * 11 + [0] * 20)
    assert [(week, one.quiet) for week, one in longer][1:] == [(99, "holiday_pattern"), (102, None)]
    assert len({one.causes for _, one in longer}) == 3


def test_a_season_is_no_fall_but_in_its_first_year() -> None:
    season = [3] * 16 + [0] * 36
    assert [(week, one.quiet) for week, one in decided(season * 3)] == [
        (19, None),
        (52 + 19, "holiday_pattern"),
        (104 + 19, "holiday_pattern"),
    ]
    assert [(week, one.quiet) for week, one in decided(season * 2 + [0] * 20)][2][0] in range(104, 110)


def test_everyday_ups_and_downs_are_no_fall() -> None:
    for seed in range(40):
        random = Random(seed)  # noqa: S311 - seeded
        assert not decided([random.randrange(2, 6) for _ in range(120)])
        assert not decided([random.choice((0, 0, 0, 1)) if week % 9 else 1 for week in range(120)])


@given(st.lists(st.integers(0, 7), max_size=130))
def test_one_action_for_each_absence(counts: list[int]) -> None:
    found = decided(counts)
    sent = [(week, one) for week, one in found if one.quiet is None]
    for (earlier, _), (later, _) in pairwise(sent):
        assert any(counts[earlier + 1 : later]), "the customer was back between two"
    assert len({(one.causes, one.action) for _, one in found}) == len(found)
