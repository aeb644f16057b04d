"""What is sent, and which outputs it must lead to. Every record follows from its number, so nobody has to keep any.

Most events are ordinary purchases of many customers. One in `ask_every` is a test purchase, and half as many later the
large purchase on the same card follows: it must lead to exactly one output, which names it.
"""

from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct

from streams import topics

CUSTOMER_STEP, PAIR_STEP = 7919, 104_729  # primes: neighbours are other customers, of other partitions
J1_BEGIN_MS, J1_STEP_MS = 1_700_000_000_000, 37  # J1 knows event time only
_J1_ID = "J1-"


class Answer(NamedTuple):
    """The event that an output is about, and what it says of the customer's state (0 where it says nothing)."""

    number: int
    detail: int = 0


class Job(Protocol):
    """Records by number, and their outputs. `source` and `output` are topics."""

    @property
    def source(self) -> str:
        """Where the records go."""

    @property
    def output(self) -> str:
        """Where the answers come."""

    def record(self, number: int, at_ms: int) -> tuple[bytes, bytes]:
        """Key and value of an event that is due at that wall-clock time."""

    def asks(self, number: int) -> bool:
        """Whether the event must lead to an output."""

    def read(self, value: bytes) -> Answer | None:
        """What an output is about; None if it is none that any event could rightly lead to."""

    def details(self, numbers: range) -> dict[int, int]:
        """What the answers to these events must say, if all events from 0 on were sent."""


class Load(Struct, frozen=True, kw_only=True):
    """What both jobs have. `tag` makes ids of one run no other's."""

    tag: str
    customers: int = 100_000
    ask_every: int = 20

    def asks(self, number: int) -> bool:
        """Whether it is a large purchase."""
        return number % self.ask_every == self.ask_every // 2

    def _tests(self, number: int) -> bool:
        return number % self.ask_every == 0

    def _customer(self, number: int) -> int:
        if self._tests(number) or self.asks(number):
            return number // self.ask_every * PAIR_STEP % self.customers
        return number * CUSTOMER_STEP % self.customers

    def _amount_minor(self, number: int, *, ordinary: int) -> int:
        if self._tests(number):
            return 199
        return 90_000 + number % 5_000 if self.asks(number) else ordinary

    def _number(self, identifier: str) -> int | None:
        """The event of that id, if it is one of ours that asks."""
        tag, _, number = identifier.rpartition("-")
        if tag != self.tag or not number.isdecimal() or not self.asks(int(number)):
            return None
        return int(number)


class _Action(Struct):
    action: str
    customer: str
    subject: dict[str, str]


class Pipeline(Load, frozen=True, kw_only=True, tag="pipeline"):
    """The whole pipeline: card transactions in, `verify_with_cardholder` out. Keyed by card, as sources are."""

    @property
    def source(self) -> str:
        """The transactions' topic."""
        return "card-transactions"

    @property
    def output(self) -> str:
        """The actions' topic."""
        return topics.FRAUD_CHECK_ACTIONS.name

    def record(self, number: int, at_ms: int) -> tuple[bytes, bytes]:
        """Key and value."""
        customer, card = self._customer(number), self._card(number)
        amount_minor = self._amount_minor(number, ordinary=1_000 + number % 5_000)
        value = (
            f'{{"type":"card_transaction","id":"{self.tag}-{number}","customer":"customer-{customer:07}",'
            f'"at_ms":{at_ms},"card":"{card}","amount_minor":{amount_minor},'
            f'"currency":"EUR","merchant":"merchant-{number % 997}","merchant_category_code":"5411",'
            f'"merchant_country":"DE","card_present":true}}'
        )
        return card.encode(), value.encode()

    def read(self, value: bytes) -> Answer | None:
        """A question to the right customer about the right card and purchase."""
        try:
            action = _decode_action(value)
        except msgspec.MsgspecError:
            return None
        number = self._number(action.subject.get("transaction", ""))
        if number is None or action.action != "verify_with_cardholder":
            return None
        right = (f"customer-{self._customer(number):07}", self._card(number))
        return Answer(number) if (action.customer, action.subject.get("card")) == right else None

    def details(self, numbers: range) -> dict[int, int]:
        """Nothing is said."""
        return {number: 0 for number in numbers if self.asks(number)}

    def _card(self, number: int) -> str:
        if self._tests(number) or self.asks(number):
            return f"tested-{number // self.ask_every}"
        return f"card-{self._customer(number):07}"


class _Alert(Struct):
    alert_id: str
    customer_id: str
    card_id: str
    transaction_id: str
    occurred_at: int
    n_small: int
    first_small_at: int
    seen: int


class OneStage(Load, frozen=True, kw_only=True, tag="J1"):
    """Job J1: purchases in, keyed by customer, alerts out. The same records for every program that can do it."""

    source: str
    output: str

    def record(self, number: int, at_ms: int) -> tuple[bytes, bytes]:  # noqa: ARG002 - J1 has its own time
        """Key and value."""
        customer = self._customer(number)
        key = f"c{customer:07}"
        value = (
            f'{{"transaction_id":"{self.tag}-{number}","customer_id":"{key}","card_id":"k{customer:07}0",'
            f'"amount_minor":{self._amount_minor(number, ordinary=201 + number % 40_000)},"currency":"USD",'
            f'"merchant_id":"m{number % 5000:04}","mcc":"5411","channel":"ecom","country":"US",'
            f'"occurred_at":{_j1_ms(number)}}}'
        )
        return key.encode(), value.encode()

    def read(self, value: bytes) -> Answer | None:
        """The alert that the rule gives for that purchase, but for `seen`, which is the detail."""
        try:
            alert = _decode_alert(value)
        except msgspec.MsgspecError:
            return None
        number = self._number(alert.transaction_id)
        if number is None:
            return None
        customer = self._customer(number)
        right = _Alert(
            alert_id=_J1_ID + alert.transaction_id,
            customer_id=f"c{customer:07}",
            card_id=f"k{customer:07}0",
            transaction_id=alert.transaction_id,
            occurred_at=_j1_ms(number),
            n_small=1,
            first_small_at=_j1_ms(number - self.ask_every // 2),
            seen=alert.seen,
        )
        return Answer(number, alert.seen) if alert == right else None

    def details(self, numbers: range) -> dict[int, int]:
        """How many purchases of its customer there were by then."""
        counts: dict[int, int] = {}
        found = {}
        for number in range(numbers.stop):
            customer = self._customer(number)
            counts[customer] = counts.get(customer, 0) + 1
            if number >= numbers.start and self.asks(number):
                found[number] = counts[customer]
        return found


def _j1_ms(number: int) -> int:
    return J1_BEGIN_MS + number * J1_STEP_MS


_decode_action = msgspec.json.Decoder(_Action).decode
_decode_alert = msgspec.json.Decoder(_Alert).decode
AnyJob = Pipeline | OneStage
