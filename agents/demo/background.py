"""The rarer everyday events, a few a year for each customer, so that every source has something to say."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Literal

from agents.demo.personas import CURRENCY, Persona
from agents.demo.timeline import DAY_MS, HOUR_MS, MONTH_STARTS_MS
from streams.events import Contract, Event, Interaction, Notice, Purchase, Response, Usage

PRODUCTS = ("insurance", "season-pass", "streaming", "phone-lease")
CATEGORIES = ("air-filter", "phone", "holiday", "car-service", "furniture")
INTERACTIONS: tuple[Literal["login", "email_opened", "site_visit", "branch_visit", "survey_answer"], ...] = (
    *("login",) * 3,
    "email_opened",
    "site_visit",
    "branch_visit",
    "survey_answer",
)
NOTICES: tuple[Literal["price_increase", "recall", "improvement"], ...] = ("price_increase", "recall", "improvement")
RESPONSES: tuple[Literal["delivered", "opened", "declined"], ...] = ("delivered", "opened", "declined")
Identifier = Callable[[str], str]


def other_events(who: Persona, random: Random, month: int, identifier: Identifier) -> Iterator[Event]:
    """What a customer does in a month beyond cards and accounts, in no order."""
    start_ms = MONTH_STARTS_MS[month]

    def common(letter: str) -> dict[str, Any]:
        at_ms = start_ms + random.randrange(27) * DAY_MS + random.randrange(7 * HOUR_MS, 22 * HOUR_MS)
        return {"id": identifier(letter), "customer": who.customer, "at_ms": at_ms}

    product = random.choice(PRODUCTS)
    if month == 0:
        yield _signed(common("k"), product)
    if random.randrange(2):
        yield _interaction(common("i"), random)
    if random.randrange(4) == 0:
        yield Usage(**common("u"), product=product, quantity=random.randrange(1, 10))
    if random.randrange(6) == 0:
        yield _bought(common("b"), random)
    if random.randrange(30) == 0:
        yield _notice(common("n"), random, product)
    if random.randrange(12) == 0:
        yield _response(common("a"), random)


def _signed(common: dict[str, Any], product: str) -> Contract:
    starts_ms = common["at_ms"]
    return Contract(
        **common,
        contract=f"{common['customer']}-{product}",
        product=product,
        status="signed",
        starts_at_ms=starts_ms,
        ends_at_ms=starts_ms + 730 * DAY_MS,
        price_minor=24_000,
        currency=CURRENCY,
    )


def _interaction(common: dict[str, Any], random: Random) -> Interaction:
    kind = random.choice(INTERACTIONS)
    score = random.randrange(7, 11) if kind == "survey_answer" else None
    return Interaction(**common, kind=kind, score=score)


def _bought(common: dict[str, Any], random: Random) -> Purchase:
    category = random.choice(CATEGORIES)
    amount_minor = random.randrange(2_000, 90_000)
    return Purchase(
        **common,
        product=f"{category}-{random.randrange(100)}",
        category=category,
        amount_minor=amount_minor,
        currency=CURRENCY,
    )


def _notice(common: dict[str, Any], random: Random, product: str) -> Notice:
    kind = random.choice(NOTICES)
    return Notice(**common, kind=kind, product=product)


def _response(common: dict[str, Any], random: Random) -> Response:
    kind = random.choice(RESPONSES)
    return Response(**common, action_id=f"campaign-{random.randrange(1000)}", kind=kind)
