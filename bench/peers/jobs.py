"""The jobs, as every Python program runs them: "test purchase, then large", and its variants.

A job that keeps state gives a purchase and the state to `decide`, which changes the state in place and returns the
output record, if there is one. Standard library only, but for the decoder of a program that asks for it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

HOUR_MS = 3_600_000
WINDOW_MS = HOUR_MS
SMALL_MINOR_MAX = 200
LARGE_MINOR_MIN = 50_000
REMEMBERED_MAX = 16

State = list[Any]
Output = dict[str, Any]


class Purchase(Protocol):
    """A source record; `purchase_decoder` makes them."""

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


class Job(NamedTuple):
    """One job with state.

    Attributes:
        decide: (state, customer, card, transaction, amount, time) -> output record or None; changes the state.
        new_state: the state of a customer, or of a window, that was never seen.
        state_key: (customer, time) -> whose state it is.
        sparse: true when purchases that are neither small nor large leave the state alone.
    """

    decide: Callable[[State, str, str, str, int, int], Output | None]
    new_state: Callable[[], State]
    state_key: Callable[[str, int], str]
    sparse: bool = False

    def skips(self, amount_minor: int) -> bool:
        """Whether a purchase doesn't even look at the state."""
        return self.sparse and SMALL_MINOR_MAX < amount_minor < LARGE_MINOR_MIN

    def changes(self, amount_minor: int, output: Output | None) -> bool:
        """Whether `decide` changed the state, so that it must be written back."""
        return not self.sparse or amount_minor <= SMALL_MINOR_MAX or output is not None


def large_only(amount_minor: int) -> bool:
    """J0: whether a record is passed on, as it is."""
    return amount_minor >= LARGE_MINOR_MIN


def _customer(customer: str, _at_ms: int) -> str:
    return customer


def _window(customer: str, at_ms: int) -> str:
    return f"{customer}@{at_ms // HOUR_MS}"


def _nothing_seen() -> State:
    """Purchases so far, and the small ones as [time, card] in order of arrival."""
    return [0, []]


def _small_then_large(  # noqa: PLR0913, PLR0917 - a purchase's fields, without a call for each
    state: State, customer: str, card: str, transaction: str, amount_minor: int, at_ms: int
) -> Output | None:
    """The rule: a large purchase within the hour after small ones on the same card."""
    small = state[1]
    if amount_minor <= SMALL_MINOR_MAX:
        small.append([at_ms, card])
        if len(small) > REMEMBERED_MAX:
            del small[0]
        return None
    if amount_minor < LARGE_MINOR_MIN:
        return None
    times = [at for at, of in small if of == card and at_ms - WINDOW_MS <= at < at_ms]
    if not times:
        return None
    state[1] = [one for one in small if one[1] != card]
    return {
        "alert_id": f"J1-{transaction}",
        "customer_id": customer,
        "card_id": card,
        "transaction_id": transaction,
        "occurred_at": at_ms,
        "n_small": len(times),
        "first_small_at": min(times),
    }


def _counted(  # noqa: PLR0913, PLR0917 - as above
    state: State, customer: str, card: str, transaction: str, amount_minor: int, at_ms: int
) -> Output | None:
    """The rule, with every purchase counted."""
    state[0] += 1
    alert = _small_then_large(state, customer, card, transaction, amount_minor, at_ms)
    if alert is not None:
        alert["seen"] = state[0]
    return alert


def _hour(state: State, customer: str, _card: str, _transaction: str, amount_minor: int, at_ms: int) -> Output:
    """Count and sum of a customer's hour, sent at each update."""
    state[0] += 1
    state[1] += amount_minor
    return {"customer_id": customer, "hour": at_ms // HOUR_MS, "count": state[0], "sum_minor": state[1]}


STATEFUL = {
    "j1": Job(_counted, _nothing_seen, _customer),
    "j1h": Job(_small_then_large, _nothing_seen, _customer, sparse=True),
    "j1p": Job(_counted, _nothing_seen, _customer),
    "j2": Job(_hour, lambda: [0, 0], _window),
}
"""Jobs by name. J1P is J1 on a source that isn't keyed by customer: how a program re-keys is its own affair."""

STATELESS = "j0"
NAMES = (STATELESS, *STATEFUL)


def purchase_decoder() -> Callable[[bytes], Purchase]:
    """A typed decoder of all ten fields, by msgspec."""
    from msgspec import Struct, json  # noqa: PLC0415 - not every environment has it

    class Decoded(Struct, gc=False):
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

    return json.Decoder(Decoded).decode
