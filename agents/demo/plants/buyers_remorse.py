"""Planted courses and subscriptions that are bought and not used, and ones that are.

bought                      help           right size
--o-------------------------o--------------o--->   neither, once it is used
"""

from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, HOUR_MS, day_ms
from streams.events import Contract, Usage

TRIGGER, HELP, RIGHT_SIZE = "buyers_remorse", "getting_started_help", "right_size"
HELP_AFTER_MS, RIGHT_SIZE_AFTER_MS = 7 * DAY_MS, 28 * DAY_MS


def course_never_begun(plan: Plan) -> None:
    """Paid, and not opened once."""
    at_ms = _at_ms(plan)
    _expect_both(plan, at_ms, plan.buy("course", at_ms))


def subscription_never_begun(plan: Plan) -> None:
    """Signed some time before its term begins."""
    starts_ms = _at_ms(plan)
    signed_ms = starts_ms - plan.random.randrange(2, 20) * DAY_MS
    _expect_both(plan, starts_ms, _sign(plan, signed_ms, starts_ms))


def subscription_bought_and_signed(plan: Plan) -> None:
    """The same thing as a purchase and as a contract, in either order: one thing, helped once."""
    at_ms = _at_ms(plan)
    apart_ms = plan.random.randrange(-5 * HOUR_MS, 5 * HOUR_MS)
    bought = plan.buy("subscription", at_ms, product="subscription")
    signed = _sign(plan, at_ms + apart_ms, at_ms + apart_ms)
    _expect_both(plan, at_ms, *([bought, signed] if apart_ms >= 0 else [signed, bought]))


def course_begun_with_help(plan: Plan) -> None:
    """Used once help was offered."""
    at_ms = _at_ms(plan)
    product = "course-with-help"
    bought = plan.buy("course", at_ms, product=product)
    used = plan.happen(Usage, at_ms + plan.random.randrange(9, 26) * DAY_MS, product=product)
    plan.expect(TRIGGER, HELP, at_ms + HELP_AFTER_MS, [bought])
    plan.forbid(TRIGGER, RIGHT_SIZE, at_ms + RIGHT_SIZE_AFTER_MS, [bought, used])


def course_begun_at_once(plan: Plan) -> None:
    """Used within days."""
    at_ms = _at_ms(plan)
    bought = plan.buy("course", at_ms, product="course-at-once")
    used = plan.happen(Usage, at_ms + plan.random.randrange(HOUR_MS, 6 * DAY_MS), product="course-at-once")
    plan.forbid(TRIGGER, HELP, at_ms + HELP_AFTER_MS, [bought, used])


def course_starts_later(plan: Plan) -> None:
    """Can't be used before it begins, and is used then."""
    at_ms = _at_ms(plan)
    starts_ms = at_ms + plan.random.randrange(15, 60) * DAY_MS
    bought = plan.buy("course", at_ms, product="course-in-spring", booked_from_ms=starts_ms)
    used = plan.happen(Usage, starts_ms + 10 * HOUR_MS, product="course-in-spring")
    plan.forbid(TRIGGER, HELP, at_ms + HELP_AFTER_MS, [bought, used])


def subscription_ended_at_once(plan: Plan) -> None:
    """Closed by the company before help would be offered: the first payment failed."""
    at_ms = _at_ms(plan)
    ended_ms = at_ms + plan.random.randrange(DAY_MS, 6 * DAY_MS)
    signed, name = _sign(plan, at_ms, at_ms), _contract(plan)
    ended = plan.happen(
        Contract, ended_ms, contract=name, product="subscription", status="cancelled", reason="closed_by_us"
    )
    plan.forbid(TRIGGER, HELP, at_ms + HELP_AFTER_MS, [signed, ended])


def _at_ms(plan: Plan) -> int:
    return day_ms(plan.random.randrange(120, 780)) + plan.random.randrange(8 * HOUR_MS, 20 * HOUR_MS)


def _contract(plan: Plan) -> str:
    return f"{plan.persona.customer}-subscription"


def _sign(plan: Plan, at_ms: int, starts_ms: int) -> str:
    """A subscription without an end."""
    name = _contract(plan)
    return plan.happen(Contract, at_ms, contract=name, product="subscription", status="signed", starts_at_ms=starts_ms)


def _expect_both(plan: Plan, usable_ms: int, *events: str) -> None:
    plan.expect(TRIGGER, HELP, usable_ms + HELP_AFTER_MS, [*events])
    plan.expect(TRIGGER, RIGHT_SIZE, usable_ms + RIGHT_SIZE_AFTER_MS, [*events])


ROLES = tuple(
    Role(plant.__name__, "software", plant)
    for plant in (
        *(course_never_begun, subscription_never_begun, subscription_bought_and_signed, course_begun_with_help),
        *(course_begun_at_once, course_starts_later, subscription_ended_at_once),
    )
)
