"""Job J1, "test purchase, then large", on bytes: a purchase and its customer's state in, an alert and new state out.

A large purchase is an alert when the same card made small ones in the hour before it. J0 is the same without the rule,
J1h without the count of all purchases. J1P is J1 on a source that has to be re-keyed first. J2 counts and sums up each
customer's hours.
"""

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

Job = Literal["j0", "j1", "j1h", "j1p", "j2"]
REKEYED_JOB: Job = "j1p"
HOUR_MS = 3_600_000
WINDOW_MS = HOUR_MS
SMALL_MINOR = 200
LARGE_MINOR = 50_000
REMEMBERED_MAX = 16
HOURS_KEPT_MAX = 24


class Purchase(Struct, gc=False):
    """An approved purchase, as it is on the source topic. `occurred_at` is in milliseconds since the epoch."""

    transaction_id: str
    customer_id: str
    card_id: str
    amount_minor: int
    currency: str
    merchant_id: str
    mcc: str
    channel: str
    country: str
    occurred_at: int


class State(Struct, array_like=True):
    """What is known of a customer: purchases so far, and the latest small ones in order of arrival."""

    seen: int = 0
    small: list[tuple[int, str]] = []


class Alert(Struct, omit_defaults=True):
    """What is published; `seen` is left out where it isn't counted."""

    alert_id: str
    customer_id: str
    card_id: str
    transaction_id: str
    occurred_at: int
    n_small: int
    first_small_at: int
    seen: int = -1


class Hour(Struct):
    """What is published of a customer's hour, counted from the epoch."""

    customer_id: str
    hour: int
    count: int
    sum_minor: int


decode_purchase = msgspec.json.Decoder(Purchase).decode
decode_state = msgspec.msgpack.Decoder(State).decode
decode_hours = msgspec.msgpack.Decoder(dict[int, tuple[int, int]]).decode
encode_state = msgspec.msgpack.Encoder().encode
encode_alert = msgspec.json.Encoder().encode
Outcome = tuple[bytes | None, bytes | None]  # the new state and what is published; None where there is none
Rule = Callable[[bytes, bytes | None], Outcome]


def large_only(value: bytes, _: bytes | None) -> Outcome:
    """J0: large purchases pass unchanged."""
    return None, value if decode_purchase(value).amount_minor >= LARGE_MINOR else None


def every_purchase(value: bytes, blob: bytes | None) -> Outcome:
    """J1: each purchase reads and writes the state."""
    purchase = decode_purchase(value)
    state = decode_state(blob) if blob else State()
    state.seen += 1
    alert = None
    if purchase.amount_minor <= SMALL_MINOR:
        _remember(purchase, state)
    elif purchase.amount_minor >= LARGE_MINOR:
        alert = _alert(purchase, state, state.seen)
    return encode_state(state), alert


def small_and_large(value: bytes, blob: bytes | None) -> Outcome:
    """J1h: only small and large purchases touch the state."""
    purchase = decode_purchase(value)
    if purchase.amount_minor <= SMALL_MINOR:
        state = decode_state(blob) if blob else State()
        _remember(purchase, state)
        return encode_state(state), None
    if purchase.amount_minor < LARGE_MINOR or blob is None:
        return None, None
    state = decode_state(blob)
    alert = _alert(purchase, state, -1)
    return (encode_state(state), alert) if alert else (None, None)


def each_hour(value: bytes, blob: bytes | None) -> Outcome:
    """J2: count and sum of the purchase's hour, published at each update; a customer's latest hours are kept."""
    purchase = decode_purchase(value)
    hours, hour = decode_hours(blob) if blob else {}, purchase.occurred_at // HOUR_MS
    count, sum_minor = hours.get(hour, (0, 0))
    hours[hour] = (count + 1, sum_minor + purchase.amount_minor)
    if len(hours) > HOURS_KEPT_MAX:
        del hours[min(hours)]
    return encode_state(hours), encode_alert(Hour(purchase.customer_id, hour, *hours[hour]))


RULES: dict[Job, Rule] = {
    "j0": large_only,
    "j1": every_purchase,
    "j1h": small_and_large,
    REKEYED_JOB: every_purchase,
    "j2": each_hour,
}


def _remember(purchase: Purchase, state: State) -> None:
    state.small.append((purchase.occurred_at, purchase.card_id))
    if len(state.small) > REMEMBERED_MAX:
        del state.small[0]


def _alert(purchase: Purchase, state: State, seen: int) -> bytes | None:
    """The alert, if the card made small purchases within the window; then all of that card are forgotten."""
    card, at = purchase.card_id, purchase.occurred_at
    matches = [then for then, other in state.small if other == card and at - WINDOW_MS <= then < at]
    if not matches:
        return None
    state.small = [entry for entry in state.small if entry[1] != card]
    alert_id = f"J1-{purchase.transaction_id}"
    alert = Alert(alert_id, purchase.customer_id, card, purchase.transaction_id, at, len(matches), min(matches), seen)
    return encode_alert(alert)
