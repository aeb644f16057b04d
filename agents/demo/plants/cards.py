"""Planted card tests and what only looks like one.

probe  probe            LARGE        verdict
--o------o----------------O-------------o----->   2 minutes to 6 hours, then up to 12 hours
"""

from typing import Literal

from agents.demo.personas import CURRENCY, PLANTED_MERCHANTS, Merchant, merchant, token
from agents.demo.plan import Plan, Role
from agents.demo.timeline import CARD_PLANT_DAYS, DAY_MS, HOUR_MS, MINUTE_MS, day_ms
from streams.events import CardTransaction, Profile, Verdict

Answer = Literal["fraud", "genuine", "not_reached"]
ACTION_OF_ANSWER: dict[Answer, str] = {"fraud": "reissue_card", "genuine": "clear", "not_reached": "escalate"}
ANSWER_OF_ROLE: dict[str, Answer] = {
    "test_fraud": "fraud",
    "test_genuine": "genuine",
    "test_not_reached": "not_reached",
    "test_late_probe": "fraud",
}
LARGE_MINOR_MIN = 30_000


def plant(plan: Plan) -> None:
    """Plant what the customer's role asks for."""
    if plan.persona.role.startswith("test_"):
        _test(plan)
    else:
        _near_miss(plan)


def _test(plan: Plan) -> None:
    role = plan.persona.role
    large_ms = _large_ms(plan)
    late_ms = plan.random.randrange(MINUTE_MS, 40 * MINUTE_MS) if role == "test_late_probe" else 0
    probes = _probes(plan, large_ms, late_ms)
    shop = merchant(PLANTED_MERCHANTS, plan.random)
    large = plan.deliver(_purchase(plan, large_ms, _large_minor(plan), shop))
    plan.expect("card_testing", "verify_with_cardholder", large_ms, [*probes, large])
    answer = ANSWER_OF_ROLE.get(role)
    action = ACTION_OF_ANSWER[answer] if answer else "escalate"
    plan.expect("fraud_verdict", action, large_ms, [large])
    if answer:
        known_ms = large_ms + late_ms  # nobody asks before both are known
        _answer(plan, answer, large, known_ms + plan.random.randrange(5 * MINUTE_MS, 12 * HOUR_MS))
    if answer == "genuine":
        _trusted_again(plan, large_ms + plan.random.randrange(30, 45) * DAY_MS, shop)


def _answer(plan: Plan, answer: Answer, transaction: str, at_ms: int) -> None:
    who = plan.persona
    plan.deliver(
        Verdict(
            id=plan.identifier(),
            customer=who.customer,
            at_ms=at_ms,
            transaction=transaction,
            answer=answer,
        )
    )
    if answer != "fraud":
        return
    plan.card_replaced = (at_ms, token(plan.random))
    cards = (plan.card_replaced[1], *who.cards[1:])
    plan.deliver(profile(plan, plan.identifier(), at_ms + MINUTE_MS, cards))


def _trusted_again(plan: Plan, large_ms: int, shop: Merchant) -> None:
    """The same merchant again after the cardholder vouched for it: nobody is asked twice."""
    events = _probes(plan, large_ms, 0)
    events.append(plan.deliver(_purchase(plan, large_ms, _large_minor(plan), shop)))
    plan.forbid("card_testing", "verify_with_cardholder", large_ms, events, "trusted_again")


def _near_miss(plan: Plan) -> None:
    role, large_ms = plan.persona.role, _large_ms(plan)
    shop = merchant(PLANTED_MERCHANTS, plan.random)
    if role == "known_merchant":
        shop = plan.persona.merchants[0]
        for days in (2, 5):  # used lately
            plan.deliver(_purchase(plan, large_ms - days * DAY_MS, plan.persona.usual_minor, shop))
    large = _purchase(plan, large_ms, _large_minor(plan), shop)
    if role == "large_usual":  # large for others, not for this card
        large.amount_minor = plan.persona.usual_minor * plan.random.randrange(100, 200) // 100
    elif role == "moderately_large":
        large.amount_minor = plan.persona.usual_minor * plan.random.randrange(2, 4)
    elif role == "refund":
        large.kind = "refund"
    elif role == "declined":
        large.approved = False
    if role in ("large_alone", "long_before"):
        plan.trifles_paused_ms = (large_ms - 7 * DAY_MS, large_ms + 7 * DAY_MS)
    events: list[str] = []
    if role != "large_alone":
        events = _probes(plan, large_ms - (5 * DAY_MS if role == "long_before" else 0), 0)
    if role != "small_alone":
        events.append(plan.deliver(large))
    plan.forbid("card_testing", "verify_with_cardholder", large_ms, events)


def _probes(plan: Plan, large_ms: int, late_ms: int) -> list[str]:
    """One or two trifles at new merchants before the large one; `late_ms` is how long after it the last one arrives."""
    gaps_ms = sorted(plan.random.randrange(2 * MINUTE_MS, 6 * HOUR_MS) for _ in range(plan.random.choice((1, 2))))
    if late_ms:
        gaps_ms = gaps_ms[:1]  # a second, punctual one would give the pair away
    ids = []
    for gap_ms in reversed(gaps_ms):
        shop = merchant(PLANTED_MERCHANTS, plan.random)
        probe = _purchase(plan, large_ms - gap_ms, plan.random.randrange(50, 500), shop)
        ids.append(plan.deliver(probe, late_ms=gap_ms + late_ms if late_ms else 0))
    return ids


def _purchase(plan: Plan, at_ms: int, amount_minor: int, shop: Merchant) -> CardTransaction:
    return CardTransaction(
        id=plan.identifier(),
        customer=plan.persona.customer,
        at_ms=at_ms,
        card=plan.persona.cards[0],
        amount_minor=amount_minor,
        currency=CURRENCY,
        merchant=shop.name,
        merchant_category_code=shop.category_code,
        merchant_country=shop.country,
    )


def _large_ms(plan: Plan) -> int:
    return day_ms(plan.random.randrange(*CARD_PLANT_DAYS)) + plan.random.randrange(8 * HOUR_MS, 22 * HOUR_MS)


def _large_minor(plan: Plan) -> int:
    times = plan.random.randrange(12, 40)
    return max(plan.persona.usual_minor * times, LARGE_MINOR_MIN + plan.random.randrange(20_000))


def profile(plan: Plan, identifier: str, at_ms: int, cards: tuple[str, ...]) -> Profile:
    """The customer's profile, with the cards owned from then on."""
    who = plan.persona
    return Profile(
        id=identifier,
        customer=who.customer,
        at_ms=at_ms,
        time_zone=who.time_zone,
        language=who.language,
        channels=who.channels,
        consents=who.consents,
        value_minor=who.value_minor,
        accounts=who.accounts,
        cards=cards,
    )


ROLES = tuple(
    Role(name, "bank", plant)
    for name in (
        *("test_fraud", "test_genuine", "test_not_reached", "test_unanswered", "test_late_probe"),
        *("small_alone", "large_usual", "known_merchant", "refund", "declined"),
        *("large_alone", "moderately_large", "long_before"),
    )
)
