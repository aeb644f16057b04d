"""Planted terms that end: after a good day or without one, after a complaint; renewed before anybody asks, late, never.

signed                        good day                     ends
--o----------------|--------------o|renewal_offer---|--------|
                   |<-------------- window: 45 days -------->|
                                                    |<- last call: 10 days
"""

from agents.demo.agreements import RUN_OUT_MS, Term, begin_ms, renew, run_out, sign, use
from agents.demo.plan import Plan, Role
from agents.demo.plants.service_recovery import solve
from agents.demo.timeline import DAY_MS, HOUR_MS

TRIGGER, ACTION = "renewal_reminder", "renewal_offer"
LAST_CALL_MS, SHORT_LAST_CALL_MS = 10 * DAY_MS, 5 * DAY_MS
BEGIN_DAYS = (20, 380)
LONG_MONTHS = 24  # the next term, beyond the end of the data
PASS, LEASE, PLAN = "season_pass", "lease", "editor_plan"


def good_day(plan: Plan) -> None:
    """The first good day in the window, after others before it; renewed in one step."""
    term, ends_ms = ending(plan, PASS, 12)
    days = plan.random.randrange(13, 44)
    used = _good(plan, term, ends_ms - days * DAY_MS)
    plan.expect(TRIGGER, ACTION, ends_ms - days * DAY_MS, [term.event, used])
    renew(plan, term, ends_ms - (days - 2) * DAY_MS, LONG_MONTHS)


def no_good_day(plan: Plan) -> None:
    """A car on lease, that comes to the workshop long before the end only, and is given back without a word."""
    term, ends_ms = ending(plan, LEASE, 12)
    plan.expect(TRIGGER, ACTION, ends_ms - LAST_CALL_MS, [term.event])
    run_out(plan, term)


def poor_day(plan: Plan) -> None:
    """The only day in the window was a bad one: no moment to ask, until there is no other left. Renewed only later."""
    term, ends_ms = ending(plan, PASS, 12)
    poor = use(plan, term, ends_ms - plan.random.randrange(20, 40) * DAY_MS, plan.random.randrange(1, 6))
    plan.expect(TRIGGER, ACTION, ends_ms - LAST_CALL_MS, [term.event, poor])
    renewed = renew(plan, term, ends_ms + plan.random.randrange(2, 43) * DAY_MS, LONG_MONTHS)
    plan.forbid("win_back", "win_back_offer", ends_ms + RUN_OUT_MS, [term.event, renewed.event])


def short_term(plan: Plan) -> None:
    """A quarter's window is short: a good day a month before the end is still too early, and so is a last call then."""
    term = sign(plan, PLAN, begin_ms(plan, (90, 650)), 3)
    ends_ms = term.until_ms
    used = _good(plan, term, ends_ms - plan.random.randrange(26, 40) * DAY_MS)
    plan.expect(TRIGGER, ACTION, ends_ms - SHORT_LAST_CALL_MS, [term.event, used])
    run_out(plan, term)


def after_a_complaint(plan: Plan) -> None:
    """The reminder is proposed after the good day, and held back: the complaint before it is fresh. Renewed at last."""
    term, ends_ms = ending(plan, PASS, 12)
    complained_ms = ends_ms - plan.random.randrange(22, 40) * DAY_MS + 9 * HOUR_MS
    used_ms = complained_ms + plan.random.randrange(2 * HOUR_MS, 5 * DAY_MS)
    complaint, *_ = solve(plan, complained_ms, "ski lift")
    plan.expect(TRIGGER, ACTION, used_ms, [complaint, _good(plan, term, used_ms)])
    renew(plan, term, ends_ms - DAY_MS, LONG_MONTHS)


def renewed_early(plan: Plan) -> None:
    """Renewed before anybody asks: the good day that follows is no reason any more."""
    term, ends_ms = ending(plan, PASS, 12)
    renewed = renew(plan, term, ends_ms - plan.random.randrange(50, 80) * DAY_MS, LONG_MONTHS)
    used_ms = ends_ms - plan.random.randrange(13, 44) * DAY_MS
    plan.forbid(TRIGGER, ACTION, used_ms, [renewed.event, _good(plan, term, used_ms)])
    plan.forbid("auto_renewal_safeguard", "payment_confirmation", ends_ms, [renewed.event])


def ending(plan: Plan, product: str, months: int, days: tuple[int, int] = BEGIN_DAYS) -> tuple[Term, int]:
    """A term that was used well early on, and when it ends."""
    term = sign(plan, product, begin_ms(plan, days), months)
    for month in (1, 4, 7):
        _good(plan, term, term.starts_at_ms + (30 * month + plan.random.randrange(20)) * DAY_MS)
    return term, term.until_ms


def _good(plan: Plan, term: Term, at_ms: int) -> str:
    """A good day, whether somebody asked how it was or not."""
    return use(plan, term, at_ms, plan.random.choice((None, plan.random.randrange(6, 11))))


ROLES = (
    *(Role(one.__name__, "resort", one) for one in (good_day, poor_day, after_a_complaint, renewed_early)),
    Role(no_good_day.__name__, "car_dealer", no_good_day),
    Role(short_term.__name__, "software", short_term),
)
