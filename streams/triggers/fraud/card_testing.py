"""Card testing: one or more small purchases, then one that is large for this card.

Why: a thief tries a stolen card with a trifle before the real theft, and the trifle is what gives it away.
Action: verify_with_cardholder, urgent, worthless after `answer_within`.
Quiet when: the card bought at the merchant of the large purchase before (`known_merchant`), or the cardholder called
    an earlier large purchase there genuine (`trusted`). Refunds and declined purchases never count.
Source: card schemes and processors call it card testing or carding. What is large is the card's own matter: on the
    Fraud Detection Handbook's simulated transactions, "below 10, then above 100 within a day" fires 3,951 times, and
    3 % of that is fraud.

    small  small            LARGE                    LARGE        small (arrives late)
    --o------o----------------O--->   fires at O     --O------------o--->   fires at o, once for each O
      |<------- window ------>|                         event times decide, not arrival
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import CardTransaction, Cause
from streams.facts import Facts
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.bounded import put_last
from streams.triggers.cards import Card, Large, Small, merchant_key
from streams.triggers.wording import MINUTE_MS, counted, length, money


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    window: Annotated[timedelta, Meta(description="how long before the large one a small one counts")] = timedelta(
        days=1
    )
    small_minor_max: Annotated[int, Meta(ge=0, description="largest small purchase, minor units of its currency")] = 500
    large_minor_min: Annotated[int, Meta(ge=1, description="least large purchase, minor units")] = 20_000
    large_unknown_minor_min: Annotated[int, Meta(ge=1, description="same, for a card of unknown scale")] = 50_000
    usual_times_min: Annotated[int, Meta(ge=1, le=1000, description="least multiple of the card's usual (median)")] = 5
    history_min: Annotated[int, Meta(ge=2, le=64, description="purchases until a card's scale is known")] = 5
    trust: Annotated[timedelta, Meta(description="how long a `genuine` holds")] = timedelta(days=180)
    answer_within: Annotated[timedelta, Meta(description="how long to ask at all")] = timedelta(hours=24)
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely the large purchase is fraud, until answered")] = 0.9
    cards_kept_max: Annotated[int, Meta(ge=1, le=16, description="cards of a customer remembered, latest used")] = 3
    tests_kept_max: Annotated[int, Meta(ge=1, le=50, description="small purchases remembered for a card")] = 5
    larges_kept_max: Annotated[int, Meta(ge=1, le=50, description="large purchases remembered for a card")] = 3
    currencies_kept_max: Annotated[int, Meta(ge=1, le=16, description="currencies remembered for a card")] = 3
    history_kept_max: Annotated[int, Meta(ge=2, le=64, description="amounts remembered for a card and currency")] = 24
    merchants_kept_max: Annotated[int, Meta(ge=1, le=256, description="merchants remembered for a card")] = 16

    def __post_init__(self) -> None:
        if not self.small_minor_max < self.large_minor_min <= self.large_unknown_minor_min:
            raise ValueError("Expected `small_minor_max` < `large_minor_min` <= `large_unknown_minor_min`")
        if self.history_min > self.history_kept_max:
            raise ValueError("Expected `history_min` <= `history_kept_max`")


class State(Struct, array_like=True):
    cards: dict[str, Card] = field(default_factory=dict)


def _is_purchase(entry: CardTransaction) -> bool:
    return entry.approved and entry.kind == "purchase"


@trigger(
    on=(CardTransaction,),
    heeds=_is_purchase,
    config=Config,
    state=State,
    quiet=("known_merchant", "trusted"),
    state_bytes_max=4096,
)
def card_testing(entry: CardTransaction, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    card = state.cards.pop(entry.card, None) or Card()
    put_last(state.cards, entry.card, card, config.cards_kept_max)
    if any(one.event == entry.id for one in card.smalls) or any(one.event == entry.id for one in card.larges):
        return  # a repeat must not make a questioned purchase's merchant known
    card.meet(merchant_key(entry.merchant), entry.at_ms // 1000, config.merchants_kept_max)
    if entry.amount_minor <= config.small_minor_max:
        _remember_small(card, entry, config)
    elif entry.amount_minor < config.large_minor_min or not _remember_large(card, entry, config, customer):
        _remember_amount(card, entry.currency, entry.amount_minor, config)
        return
    for large in card.larges:
        smalls = [] if large.is_settled else _tests_before(large, card, config)
        if smalls:
            quiet = _reason_for_silence(large, entry.card, card, customer, config)
            _settle(large, smalls, card, config, is_questioned=quiet is None)
            yield _candidate(large, smalls, entry.card, config, quiet)


def _remember_amount(card: Card, currency: str, amount_minor: int, config: Config) -> None:
    amounts = card.amounts.pop(currency, [])
    amounts.append(amount_minor)
    del amounts[: -config.history_kept_max]
    put_last(card.amounts, currency, amounts, config.currencies_kept_max)


def _remember_small(card: Card, entry: CardTransaction, config: Config) -> None:
    """Keep it for twice the window, so that a large purchase that arrives late still finds its tests."""
    since_ms = entry.at_ms - 2 * milliseconds(config.window)
    key = merchant_key(entry.merchant)
    smalls = [small for small in card.smalls if small.at_ms >= since_ms]
    smalls.append(Small(entry.id, entry.position, entry.at_ms, entry.amount_minor, entry.currency, key))
    card.smalls = smalls[-config.tests_kept_max :]
    if entry.amount_minor:  # checking a card with 0.00 says nothing about what it usually pays
        _remember_amount(card, entry.currency, entry.amount_minor, config)


def _remember_large(card: Card, entry: CardTransaction, config: Config, customer: Facts) -> bool:
    """Keep it if it is large for this card; its tests may be here already, or arrive late."""
    since_ms = entry.at_ms - milliseconds(config.window)
    _let_go(card, [large for large in card.larges if large.at_ms < since_ms], config, customer)
    usual_minor, threshold_minor = _scale(card.amounts.get(entry.currency, []), config)
    if entry.amount_minor < threshold_minor:
        return False
    amount = (entry.amount_minor, entry.currency, entry.merchant)
    card.larges.append(Large(entry.id, entry.position, entry.at_ms, *amount, usual_minor, threshold_minor))
    _let_go(card, card.larges[: -config.larges_kept_max], config, customer)
    return True


def _let_go(card: Card, gone: list[Large], config: Config, customer: Facts) -> None:
    """Forget large purchases; those that were the cardholder's own become part of the card's scale."""
    for large in gone:
        card.larges.remove(large)
        checks = (check for check in customer.dossier.fraud_checks if check.transaction == large.event)
        if not large.is_settled or any(check.answer == "genuine" for check in checks):
            _remember_amount(card, large.currency, large.amount_minor, config)


def _scale(amounts: list[int], config: Config) -> tuple[int | None, int]:
    """The card's usual amount (upper median; None while too few are known), and from where a purchase is large.

    An amount that was reached twice before is nothing unusual, rent or a yearly insurance; a single one may be.
    """
    ordered = sorted(amounts)
    usual_minor = ordered[len(ordered) // 2] if ordered else 0
    if len(ordered) < config.history_min:
        return None, max(config.large_unknown_minor_min, config.usual_times_min * usual_minor)
    return usual_minor, max(config.large_minor_min, config.usual_times_min * usual_minor, ordered[-2] + 1)


def _tests_before(large: Large, card: Card, config: Config) -> list[Small]:
    """The small purchases in the window before it, oldest first."""
    since_ms = large.at_ms - milliseconds(config.window)
    smalls = [small for small in card.smalls if since_ms <= small.at_ms <= large.at_ms]
    return sorted(smalls, key=lambda small: (small.at_ms, small.event))


def _reason_for_silence(large: Large, token: str, card: Card, customer: Facts, config: Config) -> str | None:
    trusted_since_ms = large.at_ms - milliseconds(config.trust)
    for check in customer.dossier.fraud_checks:
        same = (check.card, check.merchant, check.answer) == (token, large.merchant, "genuine")
        if same and (check.answered_at_ms or 0) >= trusted_since_ms:
            return "trusted"
    known_before_second = (large.at_ms - milliseconds(config.window)) // 1000
    earliest = card.met_at(merchant_key(large.merchant))
    return "known_merchant" if earliest is not None and earliest < known_before_second else None


def _settle(large: Large, smalls: list[Small], card: Card, config: Config, *, is_questioned: bool) -> None:
    """A questioned purchase makes neither its merchant nor its tests' merchants known, nor its amount usual."""
    large.is_settled = True
    if not is_questioned:
        _remember_amount(card, large.currency, large.amount_minor, config)
        return
    since_second = smalls[0].at_ms // 1000
    for key in (merchant_key(large.merchant), *(small.merchant_key for small in smalls)):
        met_second = card.met_at(key)
        if met_second is not None and met_second >= since_second:
            card.forget(key)


def _candidate(large: Large, smalls: list[Small], token: str, config: Config, quiet: str | None) -> Candidate:
    since_test_minutes = (large.at_ms - smalls[-1].at_ms) // MINUTE_MS
    return Candidate(
        action="verify_with_cardholder",
        at_ms=large.at_ms,
        causes=(*(Cause(small.event, small.position) for small in smalls), Cause(large.event, large.position)),
        because=_in_words(large, smalls),
        subject={"card": token, "merchant": large.merchant, "transaction": large.event},
        measured={
            "amount_minor": Measure(large.amount_minor, large.threshold_minor),
            **_usual(large, config),
            "test_minor": Measure(smalls[-1].amount_minor, config.small_minor_max),
            "tests": Measure(len(smalls), 1),
            "minutes_since_test": Measure(since_test_minutes, milliseconds(config.window) // MINUTE_MS),
        },
        risk=config.risk if quiet is None else None,
        priority="urgent",
        expires_at_ms=large.at_ms + milliseconds(config.answer_within),
        quiet=quiet,
    )


def _usual(large: Large, config: Config) -> dict[str, Measure]:
    if large.usual_minor is None:
        return {}
    times = large.amount_minor // large.usual_minor
    return {"usual_minor": Measure(large.usual_minor), "usual_times": Measure(times, config.usual_times_min)}


def _in_words(large: Large, smalls: list[Small]) -> str:
    if large.usual_minor is None:
        scale = "on a card with few purchases so far"
    else:
        times = large.amount_minor // large.usual_minor
        scale = f"{times} times the card's usual {money(large.usual_minor, large.currency)}"
    last = smalls[-1]
    tests = f"a test purchase of {money(last.amount_minor, last.currency)}"
    if len(smalls) > 1:
        tests = f"the last of {counted(len(smalls), 'test purchase')}, {money(last.amount_minor, last.currency)}"
    since = length(large.at_ms - last.at_ms)
    return f"a purchase of {money(large.amount_minor, large.currency)}, {scale}, {since} after {tests}"
