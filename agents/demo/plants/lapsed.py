"""Planted cards that aren't used any more, by what their holders were, and what only looks like it.

last use                        six months
--o---------------------------------|offer   by what the customer was; not while a term runs
"""

from typing import Any

from agents.demo.personas import CURRENCY
from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, END_MS, HOUR_MS, date_ms, day_ms
from streams import draw
from streams.calendar import add_months
from streams.events import CardTransaction, Contract, Interaction, Notice

TRIGGER = "lapsed"
CASH_BACK, BALANCE_TRANSFER = "cash_back_offer", "balance_transfer_offer"
CYCLE_MONTHS = 6
SURVEY_PERCENT = 20
DEBIT_USES = 20
# Month ends: the month half a year on may be shorter; one is the leap day.
MONTH_ENDS = ((2024, 2, 29), (2024, 8, 31), (2024, 12, 31), (2025, 3, 31), (2025, 5, 31), (2025, 8, 31))


def lapsed_transactor(plan: Plan) -> None:
    """Paid in full, as the persona's statements show. A refund, and a purchase that is declined, are no use."""
    last_ms, last = _stop(plan)
    _use(plan, last_ms + plan.random.randrange(5, 40) * DAY_MS, kind="refund")
    _use(plan, last_ms + plan.random.randrange(40, 170) * DAY_MS, approved=False)
    plan.expect(TRIGGER, CASH_BACK, _due_ms(plan, last_ms), [last])


def lapsed_revolver(plan: Plan) -> None:
    """Carried a balance; stopped on a day that the month half a year on may not have."""
    last_ms, last = _stop(plan, date_ms(*plan.random.choice(MONTH_ENDS)) + 12 * HOUR_MS)
    plan.expect(TRIGGER, BALANCE_TRANSFER, _due_ms(plan, last_ms), [last])


def lapsed_after_problem(plan: Plan) -> None:
    """Left after a bad experience; after the lapse something else gets better first, which is no news for them."""
    last_ms, last = _stop(plan)
    said_ms = last_ms + plan.random.randrange(2, 120) * HOUR_MS
    said = plan.happen(Interaction, said_ms, kind="survey_answer", subject="card", score=plan.random.randrange(1, 4))
    plan.expect("negative_feedback", "care_call", said_ms, [said])
    due_ms = _due_ms(plan, last_ms)
    other = plan.happen(Notice, due_ms + 2 * DAY_MS, kind="improvement", product="checking")
    plan.forbid(TRIGGER, "improvement_news", due_ms, [last, said, other], "nothing_improved")
    better_ms = due_ms + plan.random.randrange(10, 60) * DAY_MS
    better = plan.happen(Notice, better_ms, kind="improvement", product="card")
    plan.expect(TRIGGER, "improvement_news", better_ms, [last, said, better])


def lapsed_unclear(plan: Plan) -> None:
    """A debit card: no statement tells how it is paid. First not in the sample that is asked, the second time in it."""
    plan.cards_unused_ms = (day_ms(0), END_MS)
    first_ms, first = _use_debit(plan, day_ms(plan.random.randrange(30, 120)), is_drawn=False)
    due_ms = _due_ms(plan, first_ms)
    plan.forbid(TRIGGER, "why_survey", due_ms, [first], "not_sampled")
    last_ms, last = _use_debit(plan, due_ms + plan.random.randrange(10, 60) * DAY_MS, is_drawn=True)
    plan.expect(TRIGGER, "why_survey", _due_ms(plan, last_ms), [last])


def unused_while_insured(plan: Plan) -> None:
    """Another contract runs for years: the customer hasn't gone."""
    last_ms, last = _stop(plan)
    signed = plan.happen(
        Contract,
        last_ms - 60 * DAY_MS,
        contract=f"{plan.persona.customer}-insurance",
        product="insurance",
        status="signed",
        starts_at_ms=last_ms - 50 * DAY_MS,
        ends_at_ms=add_months(last_ms, 60),
    )
    plan.forbid(TRIGGER, CASH_BACK, _due_ms(plan, last_ms), [signed, last])
    plan.forbid("never_used", "activation_offer", last_ms - 5 * DAY_MS, [signed])  # nobody uses an insurance at once


def unused_and_closed(plan: Plan) -> None:
    """The card was given back, with a wish to be left alone."""
    last_ms, last = _stop(plan)
    closed = plan.happen(
        Contract,
        last_ms + plan.random.randrange(10, 150) * DAY_MS,
        contract=plan.persona.cards[0],
        product="card",
        status="cancelled",
        reason="asked_for_no_contact",
    )
    plan.forbid(TRIGGER, CASH_BACK, _due_ms(plan, last_ms), [last, closed])


def unused_for_five_months(plan: Plan) -> None:
    """Back before the cycle is over."""
    last_ms, last = _stop(plan)
    again_ms = last_ms + 150 * DAY_MS
    plan.cards_unused_ms = (last_ms, again_ms)
    plan.forbid(TRIGGER, CASH_BACK, _due_ms(plan, last_ms), [last, _use(plan, again_ms)])


def _stop(plan: Plan, last_ms: int = 0) -> tuple[int, str]:
    """The last use of any card, some time in the second year if not told, and its id."""
    last_ms = last_ms or day_ms(plan.random.randrange(300, 560)) + 12 * HOUR_MS
    plan.cards_unused_ms = (last_ms, END_MS)
    return last_ms, _use(plan, last_ms)


def _use_debit(plan: Plan, from_ms: int, *, is_drawn: bool) -> tuple[int, str]:
    """Weeks of purchases; the last one, with its id: that `is_drawn` for the sample, or isn't."""
    last_ms = from_ms + 12 * HOUR_MS
    for _ in range(DEBIT_USES):
        _use(plan, last_ms)
        last_ms += 5 * DAY_MS
    while (draw.percent(f"{plan.persona.customer}-x{plan.serial + 1}") < SURVEY_PERCENT) != is_drawn:
        plan.identifier()
    return last_ms, _use(plan, last_ms)


def _use(plan: Plan, at_ms: int, **other: Any) -> str:
    """A usual purchase of the first card; `other` says what is different."""
    shop = plan.persona.merchants[1]
    given = {
        "card": plan.persona.cards[0],
        "amount_minor": plan.persona.usual_minor,
        "currency": CURRENCY,
        "merchant": shop.name,
        "merchant_category_code": shop.category_code,
        "merchant_country": shop.country,
    }
    return plan.happen(CardTransaction, at_ms, **given | other)


def _due_ms(plan: Plan, last_ms: int) -> int:
    return add_months(last_ms, CYCLE_MONTHS, plan.persona.time_zone)


ROLES = tuple(
    Role(plant.__name__, "bank", plant)
    for plant in (
        *(lapsed_transactor, lapsed_revolver, lapsed_after_problem, lapsed_unclear),
        *(unused_while_insured, unused_and_closed, unused_for_five_months),
    )
)
