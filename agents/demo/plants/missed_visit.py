"""Planted yearly stays, one of them missed, and what only looks like it.

2024          2025          2026
--o-------------o-------------?-----|invite_back   February to April
"""

from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, HOUR_MS, date_ms, day_ms
from streams.calendar import add_months

TRIGGER, ACTION = "missed_visit", "invite_back"
GRACE_MS = 14 * DAY_MS
YEAR_MONTHS = 12


def missed_year(plan: Plan) -> None:
    """About the same days in two years, and not in the third."""
    first_ms = _first_ms(plan)
    _missed(plan, [first_ms, _next_year_ms(plan, first_ms)])


def missed_after_leap_day(plan: Plan) -> None:
    """A stay that begins on a day that most years don't have."""
    noon_ms = 12 * HOUR_MS
    _missed(plan, [date_ms(2024, 2, 29) + noon_ms, date_ms(2025, 2, 28) + noon_ms])


def booked_again(plan: Plan) -> None:
    """Three years, each booked in time."""
    first_ms = _first_ms(plan)
    second_ms = _next_year_ms(plan, first_ms)
    _kept(plan, [first_ms, second_ms, _next_year_ms(plan, second_ms)])


def moved_by_weeks(plan: Plan) -> None:
    """The third year's stay is later than usual, but was booked in time."""
    first_ms = _first_ms(plan)
    second_ms = _next_year_ms(plan, first_ms)
    moved_ms = add_months(second_ms, YEAR_MONTHS) + plan.random.randrange(25, 50) * DAY_MS
    _kept(plan, [first_ms, second_ms, moved_ms])


def came_once(plan: Plan) -> None:
    """A single stay is no habit."""
    _kept(plan, [_first_ms(plan)])


def other_weeks_each_year(plan: Plan) -> None:
    """Every year, but never about the same days."""
    first_ms = _first_ms(plan)
    _kept(plan, [first_ms, add_months(first_ms, YEAR_MONTHS) + plan.random.randrange(80, 140) * DAY_MS])


def comes_often(plan: Plan) -> None:
    """Every few weeks for two years: no weeks are the usual ones."""
    first_ms = _first_ms(plan)
    stays_ms = [first_ms + (50 * number + plan.random.randrange(20)) * DAY_MS for number in range(14)]
    plan.forbid(TRIGGER, ACTION, _due_ms(stays_ms[-1:]), _book(plan, stays_ms))


def _first_ms(plan: Plan) -> int:
    return day_ms(plan.random.randrange(60, 100)) + 14 * HOUR_MS


def _next_year_ms(plan: Plan, stay_ms: int) -> int:
    return add_months(stay_ms, YEAR_MONTHS) + plan.random.randrange(-5, 6) * DAY_MS


def _missed(plan: Plan, stays_ms: list[int]) -> None:
    plan.expect(TRIGGER, ACTION, _due_ms(stays_ms), _book(plan, stays_ms))


def _kept(plan: Plan, stays_ms: list[int]) -> None:
    plan.forbid(TRIGGER, ACTION, _due_ms(stays_ms[:2]), _book(plan, stays_ms))


def _due_ms(stays_ms: list[int]) -> int:
    """When the year after the last of these stays is missed."""
    usual_ms = [add_months(one, YEAR_MONTHS * years) for years, one in enumerate(reversed(stays_ms), 1)]
    return sum(usual_ms) // len(usual_ms) + GRACE_MS


def _book(plan: Plan, stays_ms: list[int]) -> list[str]:
    """Each stay is booked some weeks ahead, and visited."""
    return [
        plan.buy(
            "holiday",
            from_ms - plan.random.randrange(50, 56) * DAY_MS,
            booked_from_ms=from_ms,
            booked_to_ms=from_ms + plan.random.randrange(2, 10) * DAY_MS,
        )
        for from_ms in stays_ms
    ]


ROLES = tuple(
    Role(plant.__name__, "resort", plant)
    for plant in (
        *(missed_year, missed_after_leap_day),
        *(booked_again, moved_by_weeks, came_once, other_weeks_each_year, comes_often),
    )
)
