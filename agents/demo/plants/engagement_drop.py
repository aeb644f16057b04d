"""Planted customers who are seen less, or no more, and ones who are only away for a while.

days a week  5 4 5 5 4 5 5 4 5 | 0 1 0 0 |re_engage
"""

from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, END_MS, HOUR_MS, day_ms
from streams.events import Interaction

TRIGGER, ACTION = "engagement_drop", "re_engage"
WEEK_MS = 7 * DAY_MS  # the first day of the data is a Monday
LASTING_WEEKS, SILENCE_WEEKS, WEEKS_A_YEAR = 4, 13, 52
OFTEN_WEEKLY = 9  # touches, on about five days: with fewer, one day a week may be more than a little of the usual
MAILED_WEEKS = 4  # between two e-mails that the company sends whether anybody opens them or not


def engagement_falls(plan: Plan) -> None:
    """Seen nearly every day, then once a week at most, some for good."""
    plan.touches_weekly = OFTEN_WEEKLY
    from_ms = _week_ms(plan, 30, 110)
    last = _seen(plan, from_ms - HOUR_MS)
    until_ms = plan.random.choice((END_MS, from_ms + plan.random.randrange(8, 16) * WEEK_MS))
    plan.away_ms.append((from_ms, until_ms))
    for week in range(LASTING_WEEKS):
        if plan.random.randrange(2):
            _seen(plan, from_ms + week * WEEK_MS + plan.random.randrange(WEEK_MS))
    _mailed(plan, from_ms)
    plan.expect(TRIGGER, ACTION, from_ms + LASTING_WEEKS * WEEK_MS, [last])


def falls_silent(plan: Plan) -> None:
    """Seen once a week, and then for months no more."""
    from_ms = _week_ms(plan, 30, 100)
    last = _seen(plan, from_ms - HOUR_MS)
    plan.away_ms.append((from_ms, from_ms + plan.random.randrange(16, 30) * WEEK_MS))
    _mailed(plan, from_ms)
    plan.expect(TRIGGER, ACTION, from_ms + SILENCE_WEEKS * WEEK_MS, [last])


def away_for_weeks(plan: Plan) -> None:
    """A journey, and back as before."""
    plan.touches_weekly = OFTEN_WEEKLY
    from_ms = _week_ms(plan, 30, 110) + plan.random.randrange(7) * DAY_MS
    until_ms = from_ms + plan.random.randrange(2, 4) * WEEK_MS
    plan.away_ms.append((from_ms, until_ms))
    plan.forbid(TRIGGER, ACTION, until_ms, [_seen(plan, from_ms - HOUR_MS), _seen(plan, until_ms)])


def away_every_year(plan: Plan) -> None:
    """The same weeks, give or take one, at the start of the data and a year later."""
    plan.touches_weekly = OFTEN_WEEKLY
    first_ms = _week_ms(plan, 5, 7)
    again_ms = first_ms + (WEEKS_A_YEAR + plan.random.randrange(-1, 2)) * WEEK_MS
    ids = []
    for from_ms in (first_ms, again_ms):
        ids.append(_seen(plan, from_ms - HOUR_MS))
        plan.away_ms.append((from_ms, from_ms + 6 * WEEK_MS))
    plan.forbid(TRIGGER, ACTION, again_ms + LASTING_WEEKS * WEEK_MS, ids)


def fades_slowly(plan: Plan) -> None:
    """Five days a week, and one fewer every ten weeks or so, down to one: a habit that changes, not one that breaks."""
    plan.touches_weekly = 0
    first_week, lasts_weeks = plan.random.randrange(30, 60), plan.random.randrange(9, 13)
    ids: list[str] = []
    for week in range((END_MS - day_ms(0)) // WEEK_MS):
        fewer = max(0, (week - first_week) // lasts_weeks + 1)
        days = plan.random.sample(range(7), max(1, 5 - fewer))
        ids += [_seen(plan, day_ms(7 * week + day) + plan.random.randrange(7 * HOUR_MS, 22 * HOUR_MS)) for day in days]
    plan.forbid(TRIGGER, ACTION, day_ms(7 * (first_week + 4 * lasts_weeks)), ids)


def never_engaged(plan: Plan) -> None:
    """Gets e-mails, opens none of them, visits nothing."""
    plan.touches_weekly = 0
    plan.away_ms.append((day_ms(0), END_MS))
    first_ms = _week_ms(plan, 5, 20)
    plan.forbid(TRIGGER, ACTION, first_ms + SILENCE_WEEKS * WEEK_MS, _mailed(plan, first_ms))


def _week_ms(plan: Plan, from_week: int, until_week: int) -> int:
    """The Monday of one of these weeks, counted from 0."""
    return day_ms(7 * plan.random.randrange(from_week, until_week))


def _mailed(plan: Plan, from_ms: int) -> list[str]:
    """What the company sends until the end of the data: no sign of the customer."""
    times_ms = range(from_ms + 9 * HOUR_MS, END_MS, MAILED_WEEKS * WEEK_MS)
    return [plan.happen(Interaction, at_ms, kind="email_sent") for at_ms in times_ms]


def _seen(plan: Plan, at_ms: int) -> str:
    return plan.happen(Interaction, at_ms, kind="login")


ROLES = tuple(
    Role(plant.__name__, "software", plant)
    for plant in (engagement_falls, falls_silent, away_for_weeks, away_every_year, fades_slowly, never_engaged)
)
