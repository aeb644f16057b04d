"""Planted cards that aren't used any more, by what their holders were, and what only looks like it.

last use                        six months
--o---------------------------------|offer   by what the customer was; not while a term runs
"""

from agents.demo.personas import CURRENCY
from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, END_MS, HOUR_MS, date_ms, day_ms
from streams.calendar import add_months
from streams.events import CardTransaction, Contract, Interaction, Notice
from streams.triggers.absence import drawn_percent

TRIGGER = "lapsed"
CASH_BACK, BALANCE_TRANSFER = "cash_back_offer", "balance_transfer_offer"
CYCLE_MONTHS = 6
SURVEY_PERCENT = 20
DEBIT_USES = 20


def lapsed_transactor(plan: Plan) -> None:
    """Paid in full, as the persona's statements show."""
    last_ms, last = _stop(plan)
    plan.expect(TRIGGER, CASH_BACK, _due_ms(plan, last_ms), [last])


def lapsed_revolver(plan: Plan) -> None:
    """Carried a balance; stopped on the last of a month that is longer than the one it comes to."""
    last_ms, last = _stop(plan, date_ms(2025, 8, 31) + 12 * HOUR_MS)
    plan.expect(TRIGGER, BALANCE_TRANSFER, _due_ms(plan, last_ms), [last])


def lapsed_after_problem(plan: Plan) -> None:
    """Left after a bad experience; what was bad gets better only after the lapse."""
    last_ms, last = _stop(plan)
    said_ms = last_ms + plan.random.randrange(2, 120) * HOUR_MS
    said = plan.happen(Interaction, said_ms, kind="survey_answer", subject="card", score=plan.random.randrange(1, 4))
    plan.expect("negative_feedback", "care_call", said_ms, [said])
    better_ms = _due_ms(plan, last_ms) + plan.random.randrange(10, 60) * DAY_MS
    better = plan.happen(Notice, better_ms, kind="improvement", product="card")
    plan.expect(TRIGGER, "improvement_news", better_ms, [last, said, better])


def lapsed_unclear(plan: Plan) -> None:
    """A debit card: no statement tells how it is paid; this one is in the sample that is asked."""
    plan.cards_unused_ms = (day_ms(0), END_MS)
    first_ms = day_ms(plan.random.randrange(30, 300)) + 12 * HOUR_MS
    for number in range(DEBIT_USES):
        _use(plan, first_ms + number * 7 * DAY_MS)
    last_ms = first_ms + DEBIT_USES * 7 * DAY_MS
    last = _use(plan, last_ms, is_drawn=True)
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


def _use(plan: Plan, at_ms: int, *, is_drawn: bool = False) -> str:
    """A usual purchase; `is_drawn` has its id drawn for the sample."""
    shop, identifier = plan.persona.merchants[1], plan.identifier()
    while is_drawn and drawn_percent(identifier) >= SURVEY_PERCENT:
        identifier = plan.identifier()
    return plan.deliver(
        CardTransaction(
            id=identifier,
            customer=plan.persona.customer,
            at_ms=at_ms,
            card=plan.persona.cards[0],
            amount_minor=plan.persona.usual_minor,
            currency=CURRENCY,
            merchant=shop.name,
            merchant_category_code=shop.category_code,
            merchant_country=shop.country,
        )
    )


def _due_ms(plan: Plan, last_ms: int) -> int:
    return add_months(last_ms, CYCLE_MONTHS, plan.persona.time_zone)


ROLES = tuple(
    Role(plant.__name__, "bank", plant)
    for plant in (
        *(lapsed_transactor, lapsed_revolver, lapsed_after_problem, lapsed_unclear),
        *(unused_while_insured, unused_and_closed, unused_for_five_months),
    )
)
