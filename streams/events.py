"""Every event that Bellwether understands, once.

An event is a fact about one customer, stated by a source system and made by the intake. Money is in minor units of an
ISO 4217 currency, times are milliseconds since the epoch in UTC, a card is a token and never a card number.
Unknown fields are ignored and dropped (so a CVV that a source sends along is never kept); new fields have defaults.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]  # the intake refuses control characters in it
Label = Annotated[str, Meta(max_length=256)]
AMOUNT_MINOR_MAX = 10**14  # a trillion in a currency with two decimals: beyond it, a unit was mistaken
QUANTITY_MAX = 10**12  # keeps it an integer of 64 bits, which is what the journal can hold
AmountMinor = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)]
SignedAmountMinor = Annotated[int, Meta(ge=-AMOUNT_MINOR_MAX, le=AMOUNT_MINOR_MAX)]
AtMs = Annotated[int, Meta(ge=0, le=4_102_444_800_000)]  # up to the year 2100
Currency = Annotated[str, Meta(min_length=3, max_length=3)]
AccountType = Literal["savings", "checking", "cd", "fund", "loan", "card"]
Channel = Literal["email", "phone", "sms", "push", "post", "branch"]


class Cause(Struct, frozen=True, array_like=True):
    """Names the journal entry behind a decision: the source's event id and the journal offset."""

    event: str
    position: int


class Caused:
    """What a stored record is that names an event, by its id and its journal offset: a cause to give."""

    __slots__ = ()
    event: str
    position: int

    @property
    def cause(self) -> Cause:
        """The event, as the cause of a decision."""
        return Cause(self.event, self.position)


class Event(Struct, kw_only=True, tag_field="type"):
    """What all events carry.

    Attributes:
        id: the source's own identifier of the fact; the same id twice is the same event.
        customer: whom it concerns; the key of the journal.
        at_ms: when it happened, as the source says.
        position: offset in the journal partition; set by the engine, whatever a source wrote there.
    """

    id: Identifier
    customer: Identifier
    at_ms: AtMs
    position: int = -1

    @property
    def cause(self) -> Cause:
        """This event as the cause of a decision."""
        return Cause(self.id, self.position)


class CardTransaction(Event, tag="card_transaction"):
    """An authorisation of a card: `amount_minor` is positive for purchases and refunds alike.

    `merchant_category_code` is ISO 18245, `merchant_country` ISO 3166-1 alpha-2.
    """

    card: Identifier
    amount_minor: AmountMinor
    currency: Currency
    merchant: Identifier
    merchant_category_code: Annotated[str, Meta(max_length=4)] = ""
    merchant_country: Annotated[str, Meta(max_length=2)] = ""
    card_present: bool = False
    approved: bool = True
    kind: Literal["purchase", "refund"] = "purchase"


class CardStatement(Event, tag="card_statement"):
    """A closed card period: who pays `closing_balance_minor` in full is a transactor, who doesn't a revolver."""

    card: Identifier
    closing_balance_minor: SignedAmountMinor
    paid_minor: AmountMinor
    currency: Currency
    period_from_ms: AtMs
    period_to_ms: AtMs


class AccountMovement(Event, tag="account_movement"):
    """One leg of a booking: `amount_minor` is negative when money leaves `account`.

    Attributes:
        balance_after_minor: booked balance after this movement.
        method: how the money moved.
        counterparty_account: the account at the other end, where known.
        counterparty_bank: the bank at the other end, where it is another one (BIC or name).
        transfer: links the two legs of one internal transfer.
    """

    account: Identifier
    account_type: AccountType
    amount_minor: SignedAmountMinor
    currency: Currency
    balance_after_minor: SignedAmountMinor
    method: Literal[
        "deposit", "cash", "internal_transfer", "wire_out", "direct_debit", "loan_payment", "fee", "interest"
    ]
    counterparty_account: Label | None = None
    counterparty_bank: Label | None = None
    transfer: Label | None = None


class Interaction(Event, tag="interaction"):
    """The customer and the company met. `score` is 0 to 10, `sentiment` -1 to 1, where the kind has one."""

    kind: Literal[
        "login",
        "email_sent",
        "email_opened",
        "site_visit",
        "branch_visit",
        "call",
        "complaint",
        "complaint_resolved",
        "survey_answer",
        "social_post",
        "other_contact",
    ]
    subject: Label | None = None
    score: Annotated[int, Meta(ge=0, le=10)] | None = None
    sentiment: Annotated[float, Meta(ge=-1, le=1)] | None = None


class Contract(Event, tag="contract"):
    """A term began, changed or ended. `price_minor` is for the whole term."""

    contract: Identifier
    product: Identifier
    status: Literal["signed", "renewed", "cancelled", "not_renewed", "auto_renewal_on", "auto_renewal_off"]
    starts_at_ms: AtMs | None = None
    ends_at_ms: AtMs | None = None
    price_minor: AmountMinor | None = None
    currency: Currency | None = None
    reason: Label | None = None


class Purchase(Event, tag="purchase"):
    """Something was bought or booked; a booking says for which dates."""

    product: Identifier
    category: Identifier
    amount_minor: AmountMinor
    currency: Currency
    booked_from_ms: AtMs | None = None
    booked_to_ms: AtMs | None = None


class Usage(Event, tag="usage"):
    """A product was used: `quantity` in the product's own unit, `score` 0 to 10 where the customer gave one."""

    product: Identifier
    quantity: Annotated[int, Meta(ge=0, le=QUANTITY_MAX)] = 1
    score: Annotated[int, Meta(ge=0, le=10)] | None = None


class Notice(Event, tag="notice"):
    """The company's own doing that touches the customer."""

    kind: Literal["price_increase", "recall", "improvement", "oversold"]
    product: Identifier
    amount_minor: AmountMinor | None = None
    currency: Currency | None = None


class Profile(Event, tag="profile"):
    """What is known of the customer; each one replaces the one before.

    Attributes:
        time_zone: IANA name, or empty where unknown.
        channels: how the customer can be reached, best first.
        consents: channels on which the customer agreed to receive offers.
        value_minor: what the customer is worth a year, in the company's own currency.
        accounts: the customer's accounts with their types.
        cards: tokens of the customer's cards.
    """

    time_zone: Label = ""
    language: Label = ""
    channels: Annotated[tuple[Channel, ...], Meta(max_length=6)] = ()
    consents: Annotated[tuple[Channel, ...], Meta(max_length=6)] = ()
    value_minor: AmountMinor = 0
    accounts: Annotated[dict[Identifier, AccountType], Meta(max_length=32)] = {}
    cards: Annotated[tuple[Identifier, ...], Meta(max_length=32)] = ()


class Verdict(Event, tag="verdict"):
    """The cardholder's answer about a questioned purchase.

    Attributes:
        transaction: event id of the card transaction that was asked about.
        answer: `not_reached` says that the call was given up.
    """

    transaction: Identifier
    answer: Literal["fraud", "genuine", "not_reached"]


class Response(Event, tag="response"):
    """What became of an action. `action_id` is the id of the decision that was sent."""

    action_id: Identifier
    kind: Literal["delivered", "opened", "accepted", "declined", "converted"]


AnyEvent = (
    CardTransaction
    | CardStatement
    | AccountMovement
    | Interaction
    | Contract
    | Purchase
    | Usage
    | Notice
    | Profile
    | Verdict
    | Response
)
EVENT_TYPES: tuple[type[Event], ...] = (
    CardTransaction,
    CardStatement,
    AccountMovement,
    Interaction,
    Contract,
    Purchase,
    Usage,
    Notice,
    Profile,
    Verdict,
    Response,
)


def event_type_name(event: type[Event] | Event) -> str:
    """The name of an event's type on the wire, as in `card_transaction`."""
    return str(event.__struct_config__.tag)
