"""Planted notices of the company's own doing that touch a customer, and ones that don't, or were told already.

told here: quiet      notice
--o---------------------o---------------|explain_and_offer, right_size   a day later
  |<-- at most 30 days->|<- or here --->|
"""

from agents.demo.agreements import Term, begin_ms, sign, use
from agents.demo.personas import CURRENCY
from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, HOUR_MS
from streams.events import Interaction, Notice

TRIGGER, EXPLAIN, RIGHT_SIZE = "company_caused_risk", "explain_and_offer", "right_size"
SIGNED_DAYS, NOTICE_DAYS = (30, 200), (230, 800)
PRODUCT, OTHER_PRODUCT = "crm", "helpdesk"


def price_raised(plan: Plan) -> None:
    """By a few percent, or much."""
    at_ms = plan.daytime_ms(NOTICE_DAYS)
    plan.expect(TRIGGER, EXPLAIN, at_ms, [_raise_price(plan, _in_use(plan), at_ms)])


def card_fee_raised(plan: Plan) -> None:
    """What every cardholder pays, without a contract of its own."""
    at_ms = plan.daytime_ms(NOTICE_DAYS)
    fee_minor = plan.random.randrange(500, 3_000)
    told = plan.happen(Notice, at_ms, kind="price_increase", product="card", amount_minor=fee_minor, currency=CURRENCY)
    plan.expect(TRIGGER, EXPLAIN, at_ms, [told])


def oversold(plan: Plan) -> None:
    """A review found that less would do."""
    at_ms, term = plan.daytime_ms(NOTICE_DAYS), _in_use(plan)
    plan.expect(TRIGGER, RIGHT_SIZE, at_ms, [plan.happen(Notice, at_ms, kind="oversold", product=term.product)])


def told_about_other_things(plan: Plan) -> None:
    """In touch about another product, and about this one long before."""
    at_ms, term = plan.daytime_ms(NOTICE_DAYS), _in_use(plan)
    _tell(plan, OTHER_PRODUCT, at_ms + 2 * HOUR_MS)
    _tell(plan, term.product, at_ms - plan.random.randrange(32, 60) * DAY_MS)
    plan.expect(TRIGGER, EXPLAIN, at_ms, [_raise_price(plan, term, at_ms)])


def already_told(plan: Plan) -> None:
    """Those who raised the price said so themselves, before the letter or just after it."""
    at_ms, term = plan.daytime_ms(NOTICE_DAYS), _in_use(plan)
    is_before = plan.random.randrange(2) == 0
    told_ms = (
        plan.random.randrange(-25 * DAY_MS, -DAY_MS) if is_before else plan.random.randrange(HOUR_MS, 20 * HOUR_MS)
    )
    told = _tell(plan, term.product, at_ms + told_ms)
    plan.forbid(TRIGGER, EXPLAIN, at_ms, [_raise_price(plan, term, at_ms), told])


def dearer_for_others(plan: Plan) -> None:
    """A product that this customer doesn't have."""
    at_ms, term = plan.daytime_ms(NOTICE_DAYS), _in_use(plan)
    notice = _raise_price(plan, term._replace(product=OTHER_PRODUCT), at_ms)
    plan.forbid(TRIGGER, EXPLAIN, at_ms, [notice])


def made_better(plan: Plan) -> None:
    """A car was called back, another thing improved: news, but nobody pays more."""
    at_ms = plan.daytime_ms(NOTICE_DAYS)
    recall = plan.happen(Notice, at_ms, kind="recall", product="car")
    improvement = plan.happen(Notice, at_ms + 3 * DAY_MS, kind="improvement", product="car")
    plan.forbid(TRIGGER, EXPLAIN, at_ms, [recall, improvement])


def _in_use(plan: Plan) -> Term:
    """A contract for longer than the data last, that is used now and then."""
    term = sign(plan, PRODUCT, begin_ms(plan, SIGNED_DAYS), 36)
    for week in (1, 9, 30, 50):
        use(plan, term, term.starts_at_ms + week * 7 * DAY_MS + plan.random.randrange(3 * DAY_MS))
    return term


def _raise_price(plan: Plan, term: Term, at_ms: int) -> str:
    return plan.happen(
        Notice,
        at_ms,
        kind="price_increase",
        product=term.product,
        amount_minor=term.price_minor * plan.random.randrange(3, 40) // 100,
        currency=CURRENCY,
    )


def _tell(plan: Plan, product: str, at_ms: int) -> str:
    return plan.happen(Interaction, at_ms, kind="other_contact", subject=product)


ROLES = (
    Role(price_raised.__name__, "software", price_raised),
    Role(card_fee_raised.__name__, "bank", card_fee_raised),
    *(Role(one.__name__, "software", one) for one in (oversold, told_about_other_things)),
    *(Role(one.__name__, "software", one) for one in (already_told, dearer_for_others)),
    Role(made_better.__name__, "car_dealer", made_better),
)
