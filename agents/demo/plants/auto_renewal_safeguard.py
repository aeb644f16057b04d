"""Planted contracts that renew themselves, used and forgotten, and ones that don't after all.

signed, auto-renewal on        unused: still wanted?    renewed
--o---------------------------------|---------------------o|payment_confirmation
"""

from agents.demo.agreements import Term, begin_ms, renew, run_out, say, sign, use
from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS

TRIGGER, CHECK, CONFIRM = "auto_renewal_safeguard", "still_wanted_check", "payment_confirmation"
NOTICE_MS, SHORT_NOTICE_MS, LAST_CALL_MS = 30 * DAY_MS, 22 * DAY_MS, 10 * DAY_MS
WAIT_MS = 30 * DAY_MS
BEGIN_DAYS = (240, 430)  # so that the renewal falls into the data, and the next notice doesn't
YEAR, QUARTER, LONG_MONTHS = 12, 3, 24


def forgotten(plan: Plan) -> None:
    """Used until the term began, and not since; renewed all the same."""
    term, on = _sign(plan, "news_archive", YEAR)
    use(plan, term, term.starts_at_ms - DAY_MS // 2)
    _expect_check(plan, term, [term.event, on], NOTICE_MS)
    _renewed_itself(plan, term, YEAR)


def used_until_the_end(plan: Plan) -> None:
    """Nobody asks; what was paid is confirmed."""
    term, on = _sign(plan, "delivery_pass", YEAR)
    for week in (2, 20, 40):
        use(plan, term, term.starts_at_ms + week * 7 * DAY_MS)
    plan.forbid(TRIGGER, CHECK, term.until_ms - NOTICE_MS, [term.event, on])
    plan.forbid("renewal_reminder", "renewal_offer", term.until_ms - LAST_CALL_MS, [term.event, on])
    _renewed_itself(plan, term, YEAR)


def used_in_an_earlier_term(plan: Plan) -> None:
    """A quarter at a time: used in the first, not in the second, at the end of which it becomes a plan for years."""
    term, on = _sign(plan, "video_plan", QUARTER)
    use(plan, term, term.starts_at_ms + plan.random.randrange(5, 60) * DAY_MS)
    plan.forbid(TRIGGER, CHECK, term.until_ms - SHORT_NOTICE_MS, [term.event, on])
    second = _renewed_itself(plan, term, QUARTER)
    _expect_check(plan, second, [second.event, on], SHORT_NOTICE_MS)
    _renewed_itself(plan, second, LONG_MONTHS)


def cancelled_when_asked(plan: Plan) -> None:
    """Not wanted any more: no payment to confirm, and after a while an offer to come back."""
    term, on = _sign(plan, "news_archive", YEAR)
    cancelled_ms = term.until_ms - plan.random.randrange(3, 25) * DAY_MS
    _expect_check(plan, term, [term.event, on], NOTICE_MS)
    ended = say(plan, term, "cancelled", cancelled_ms, "not_used")
    plan.forbid(TRIGGER, CONFIRM, term.until_ms, [ended])
    plan.expect("win_back", "win_back_offer", cancelled_ms + WAIT_MS, [ended])


def switched_off(plan: Plan) -> None:
    """Unused, but it won't renew itself any more: a reminder at the last call, and an offer when it ran out."""
    term, on = _sign(plan, "season_pass", YEAR)
    off = say(plan, term, "auto_renewal_off", term.until_ms - plan.random.randrange(40, 200) * DAY_MS)
    plan.forbid(TRIGGER, CHECK, term.until_ms - NOTICE_MS, [term.event, on, off])
    plan.expect("renewal_reminder", "renewal_offer", term.until_ms - LAST_CALL_MS, [term.event, off])
    run_out(plan, term)


def _sign(plan: Plan, product: str, months: int) -> tuple[Term, str]:
    """A contract that renews itself from the day it starts, and the id of what says so."""
    term = sign(plan, product, begin_ms(plan, BEGIN_DAYS), months)
    return term, say(plan, term, "auto_renewal_on", term.starts_at_ms)


def _renewed_itself(plan: Plan, term: Term, months: int) -> Term:
    renewed = renew(plan, term, term.until_ms, months)
    plan.expect(TRIGGER, CONFIRM, term.until_ms, [renewed.event])
    return renewed


def _expect_check(plan: Plan, term: Term, events: list[str], notice_ms: int) -> None:
    plan.expect(TRIGGER, CHECK, term.until_ms - notice_ms, events)


ROLES = (
    *(Role(one.__name__, "software", one) for one in (forgotten, used_in_an_earlier_term, cancelled_when_asked)),
    Role(used_until_the_end.__name__, "retailer", used_until_the_end),
    Role(switched_off.__name__, "resort", switched_off),
)
