"""Planted purchases of what is used up or outlived, and what only looks like a cycle.

bought        bought       bought                 end of the cycle
--o--------------o------------o----------|reminder----:----->
"""

from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, HOUR_MS, date_ms, day_ms
from streams.calendar import add_months

TRIGGER, REFILL, NEW_MODEL = "replacement_due", "refill_reminder", "new_model_offer"
FILTER_LEAD_MS, LENSES_LEAD_MS, SERVICE_LEAD_MS, PHONE_LEAD_MS = (days * DAY_MS for days in (10, 7, 21, 45))
PHONE_MONTHS, SERVICE_MONTHS = 24, 6
MONTH_ENDS = ((2024, 8, 31), (2024, 10, 31), (2024, 12, 31), (2025, 8, 31))


def filter_own_cycle(plan: Plan) -> None:
    """Bought more often than is usual, which the third purchase shows."""
    cycle_ms = plan.random.randrange(60, 74) * DAY_MS
    times_ms = _regular_ms(plan, cycle_ms, 5)
    ids = [plan.buy("air_filter", at_ms) for at_ms in times_ms]
    _expect_each(plan, ids, [at_ms + cycle_ms - FILTER_LEAD_MS for at_ms in times_ms], known_from=3)


def lenses_learned_cycle(plan: Plan) -> None:
    """Something whose usual cycle nobody has told, until the sixth purchase shows the customer's."""
    cycle_ms = plan.random.randrange(40, 65) * DAY_MS
    times_ms = _regular_ms(plan, cycle_ms, 7)
    ids = [plan.buy("contact_lenses", at_ms) for at_ms in times_ms]
    _expect_each(plan, ids, [at_ms + cycle_ms - LENSES_LEAD_MS for at_ms in times_ms], known_from=6)


def phone_outlived(plan: Plan) -> None:
    """A single phone: the usual cycle."""
    at_ms = _day_time_ms(plan, 20, 160)
    plan.expect(TRIGGER, NEW_MODEL, add_months(at_ms, PHONE_MONTHS) - PHONE_LEAD_MS, [plan.buy("phone", at_ms)])


def service_at_month_end(plan: Plan) -> None:
    """Half a year after the last of a month that is longer than the one it comes to."""
    at_ms = date_ms(*plan.random.choice(MONTH_ENDS)) + 9 * HOUR_MS
    due_ms = add_months(at_ms, SERVICE_MONTHS) - SERVICE_LEAD_MS
    plan.expect(TRIGGER, REFILL, due_ms, [plan.buy("car_service", at_ms)])


def phone_bought_already(plan: Plan) -> None:
    """The next phone comes before anybody would speak of it."""
    first_ms = _day_time_ms(plan, 10, 60)
    again_ms = first_ms + plan.random.randrange(540, 640) * DAY_MS
    due_ms = add_months(first_ms, PHONE_MONTHS) - PHONE_LEAD_MS
    plan.forbid(TRIGGER, NEW_MODEL, due_ms, [plan.buy("phone", first_ms), plan.buy("phone", again_ms)])


def keeps_for_ever(plan: Plan) -> None:
    """Bought now and then, without a cycle."""
    first_ms = _day_time_ms(plan, 95, 300)
    days = (0, plan.random.randrange(50, 54), plan.random.randrange(70, 74), plan.random.randrange(350, 400))
    ids = [plan.buy("air_filter", first_ms + day * DAY_MS) for day in days]
    plan.forbid(TRIGGER, REFILL, first_ms + days[-1] * DAY_MS, ids)


def alike_by_chance(plan: Plan) -> None:
    """Three purchases of what isn't used up; that the two gaps are alike says little."""
    gap_ms = plan.random.randrange(50, 150) * DAY_MS
    times_ms = _regular_ms(plan, gap_ms, 3)
    ids = [plan.buy("garden_furniture", at_ms) for at_ms in times_ms]
    plan.forbid(TRIGGER, REFILL, times_ms[-1] + gap_ms - LENSES_LEAD_MS, ids)


def _regular_ms(plan: Plan, cycle_ms: int, count: int) -> list[int]:
    """Times a cycle apart, give or take a day."""
    first_ms = _day_time_ms(plan, 95, 330)
    return [first_ms + number * cycle_ms + plan.random.randrange(-DAY_MS, DAY_MS) for number in range(count)]


def _day_time_ms(plan: Plan, from_day: int, until_day: int) -> int:
    return day_ms(plan.random.randrange(from_day, until_day)) + plan.random.randrange(8 * HOUR_MS, 20 * HOUR_MS)


def _expect_each(plan: Plan, ids: list[str], dues_ms: list[int], known_from: int) -> None:
    """A reminder after each purchase from the one on that makes the cycle known."""
    for number, due_ms in enumerate(dues_ms, 1):
        if number >= known_from:
            plan.expect(TRIGGER, REFILL, due_ms, ids[:number])


ROLES = (
    *(Role(one.__name__, "retailer", one) for one in (filter_own_cycle, lenses_learned_cycle, phone_outlived)),
    Role(service_at_month_end.__name__, "car_dealer", service_at_month_end),
    *(Role(one.__name__, "retailer", one) for one in (phone_bought_already, keeps_for_ever, alike_by_chance)),
)
