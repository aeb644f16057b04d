"""What a customer does beyond cards and accounts: opens and visits, answers surveys, buys things. Nothing fires on it.

Products and terms come from the plants alone, so that what is expected of them is known.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Literal

from msgspec.structs import replace

from agents.demo.personas import CURRENCY
from agents.demo.plan import Plan
from agents.demo.timeline import DAY_MS, HOUR_MS, MONTH_STARTS_MS, START_MS
from streams.events import Event, Interaction, Purchase, Response

WEEK_MS = 7 * DAY_MS
CATEGORIES = ("furniture", "groceries", "books", "clothing")
TOUCHES: tuple[Literal["login", "email_opened", "site_visit", "branch_visit"], ...] = (
    *("login",) * 3,
    *("email_opened", "site_visit", "branch_visit"),
)
RESPONSES: tuple[Literal["delivered", "opened"], ...] = ("delivered", "opened")
Identifier = Callable[[str], str]


def other_events(plan: Plan, random: Random, month: int, identifier: Identifier) -> Iterator[Event]:
    """A month of it, in no order."""
    start_ms, end_ms = MONTH_STARTS_MS[month], MONTH_STARTS_MS[month + 1]
    customer = plan.persona.customer

    def common(letter: str, at_ms: int | None = None) -> dict[str, Any]:
        drawn_ms = start_ms + random.randrange(27) * DAY_MS + random.randrange(7 * HOUR_MS, 22 * HOUR_MS)
        return {"id": identifier(letter), "customer": customer, "at_ms": drawn_ms if at_ms is None else at_ms}

    for at_ms in _touches_ms(plan, random, start_ms, end_ms):
        yield Interaction(**common("i", at_ms), kind=random.choice(TOUCHES))
    if random.randrange(12) == 0:
        yield Interaction(**common("i"), kind="survey_answer", score=random.randrange(7, 11))
    if random.randrange(6) == 0:
        yield _bought(common("b"), random)
    if random.randrange(12) == 0:
        action_id = f"campaign-{random.randrange(1000)}"
        yield _responded(Response(**common("a"), action_id=action_id, kind=random.choice(RESPONSES)), plan)


def _touches_ms(plan: Plan, random: Random, start_ms: int, end_ms: int) -> Iterator[int]:
    """As many a week as the plan says, but for when the customer is away."""
    week_ms = START_MS + (start_ms - START_MS) // WEEK_MS * WEEK_MS
    while week_ms < end_ms:
        for _ in range(plan.touches_weekly):
            at_ms = week_ms + random.randrange(WEEK_MS)
            if start_ms <= at_ms < end_ms and not _is_away(plan, at_ms):
                yield at_ms
        week_ms += WEEK_MS


def _is_away(plan: Plan, at_ms: int) -> bool:
    return any(from_ms <= at_ms < until_ms for from_ms, until_ms in plan.away_ms)


def _responded(response: Response, plan: Plan) -> Response:
    """Who is away opens nothing."""
    return replace(response, kind="delivered") if _is_away(plan, response.at_ms) else response


def _bought(common: dict[str, Any], random: Random) -> Purchase:
    category = random.choice(CATEGORIES)
    return Purchase(
        **common,
        product=f"{category}-{random.randrange(100)}",
        category=category,
        amount_minor=random.randrange(2_000, 90_000),
        currency=CURRENCY,
    )
