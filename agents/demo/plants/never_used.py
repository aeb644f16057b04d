"""Planted cards and accounts that are opened and not used once, and ones that are.

opened                             45 days
--o----------------------------------|activation_offer   not, if it was used, be it once
"""

from msgspec.structs import replace

from agents.demo.personas import CURRENCY, token
from agents.demo.plan import Plan, Role
from agents.demo.plants.cards import profile
from agents.demo.timeline import DAY_MS, END_MS, HOUR_MS, MINUTE_MS, day_ms
from streams.calendar import add_months
from streams.events import AccountMovement, CardTransaction, Contract

TRIGGER, ACTION = "never_used", "activation_offer"
UNUSED_MS = 45 * DAY_MS
FEE_MINOR = 250
FIRST_DEPOSIT_MINOR = 5_000


def card_never_used(plan: Plan) -> None:
    """Another card, which stays in the drawer."""
    at_ms = _at_ms(plan)
    opened = _open_card(plan, token(plan.random), at_ms)
    plan.expect(TRIGGER, ACTION, at_ms + UNUSED_MS, [opened])


def no_card_ever_used(plan: Plan) -> None:
    """The other cards aren't used either: this customer hasn't lapsed, but never began."""
    plan.cards_unused_ms = (day_ms(0), END_MS)
    at_ms = day_ms(plan.random.randrange(120, 600))
    opened = _open_card(plan, token(plan.random), at_ms)
    plan.expect(TRIGGER, ACTION, at_ms + UNUSED_MS, [opened])
    plan.forbid("lapsed", "why_survey", add_months(at_ms, 6), [opened])


def account_never_used(plan: Plan) -> None:
    """Opened for a later day; a fee that the bank takes is no use."""
    at_ms = _at_ms(plan)
    starts_ms = at_ms + plan.random.randrange(5, 20) * DAY_MS
    opened = _open_account(plan, at_ms, starts_ms)
    _move(plan, starts_ms + 30 * DAY_MS, -FEE_MINOR)
    plan.expect(TRIGGER, ACTION, starts_ms + UNUSED_MS, [opened])


def card_first_used_late(plan: Plan) -> None:
    """Used once, days before anybody would speak of it."""
    at_ms, card = _at_ms(plan), token(plan.random)
    opened = _open_card(plan, card, at_ms)
    shop = plan.persona.merchants[0]
    used = plan.happen(
        CardTransaction,
        at_ms + plan.random.randrange(38, 45) * DAY_MS,
        card=card,
        amount_minor=plan.persona.usual_minor,
        currency=CURRENCY,
        merchant=shop.name,
        merchant_category_code=shop.category_code,
        merchant_country=shop.country,
    )
    plan.forbid(TRIGGER, ACTION, at_ms + UNUSED_MS, [opened, used])


def account_first_deposit(plan: Plan) -> None:
    """Money came in."""
    at_ms = _at_ms(plan)
    opened = _open_account(plan, at_ms, at_ms)
    used = _move(plan, at_ms + plan.random.randrange(2, 45) * DAY_MS, FIRST_DEPOSIT_MINOR)
    plan.forbid(TRIGGER, ACTION, at_ms + UNUSED_MS, [opened, used])


def card_given_back(plan: Plan) -> None:
    """Unused, but cancelled before long, with a wish to be left alone."""
    at_ms, card = _at_ms(plan), token(plan.random)
    opened = _open_card(plan, card, at_ms)
    ended = plan.happen(
        Contract,
        at_ms + plan.random.randrange(10, 40) * DAY_MS,
        contract=card,
        product="card",
        status="cancelled",
        reason="asked_for_no_contact",
    )
    plan.forbid(TRIGGER, ACTION, at_ms + UNUSED_MS, [opened, ended])


def _at_ms(plan: Plan) -> int:
    return day_ms(plan.random.randrange(120, 780)) + plan.random.randrange(8 * HOUR_MS, 20 * HOUR_MS)


def _open_card(plan: Plan, card: str, at_ms: int) -> str:
    """A contract under the card's token, and the profile that then names it."""
    plan.deliver(profile(plan, plan.identifier(), at_ms + MINUTE_MS, (*plan.persona.cards, card)))
    return plan.happen(Contract, at_ms, contract=card, product="card", status="signed", starts_at_ms=at_ms)


def _open_account(plan: Plan, at_ms: int, starts_ms: int) -> str:
    """A contract under the account's name, and the profile that then names it."""
    account = _second_account(plan)
    known = profile(plan, plan.identifier(), at_ms + MINUTE_MS, plan.persona.cards)
    plan.deliver(replace(known, accounts={**known.accounts, account: "savings"}))
    return plan.happen(Contract, at_ms, contract=account, product="savings", status="signed", starts_at_ms=starts_ms)


def _move(plan: Plan, at_ms: int, amount_minor: int) -> str:
    """The first movement of the second account: a deposit, or a fee where money leaves."""
    return plan.happen(
        AccountMovement,
        at_ms,
        account=_second_account(plan),
        account_type="savings",
        amount_minor=amount_minor,
        currency=CURRENCY,
        balance_after_minor=amount_minor,
        method="deposit" if amount_minor > 0 else "fee",
    )


def _second_account(plan: Plan) -> str:
    return f"{plan.persona.account('savings')}-2"


ROLES = tuple(
    Role(plant.__name__, "bank", plant)
    for plant in (
        *(card_never_used, no_card_ever_used, account_never_used),
        *(card_first_used_late, account_first_deposit, card_given_back),
    )
)
