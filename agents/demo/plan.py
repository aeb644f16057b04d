"""Planted situations: what happens to a customer beyond everyday life, with the label that goes with it."""

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import Struct, field

from agents.demo.ledger import Booking, Method
from agents.demo.personas import CURRENCY, Industry, Persona
from agents.demo.timeline import HOUR_MS, day_ms
from agents.demo.truth import Case, Kind
from streams.events import AccountType, Event, Purchase


class Plan(Struct):
    """What was planted for one customer.

    Attributes:
        deliveries: (arrival in ms, event), any order.
        bookings: movements on own accounts, any order.
        trifles_paused_ms: from and until when no everyday trifle is bought, so that it can't pass for a probe.
        cards_unused_ms: from and until when no card is used.
        away_ms: from and until when the customer neither opens nor visits anything.
        touches_weekly: how often a week the customer opens or visits something; 1 is a customer one hardly sees.
        card_replaced: (from when, token) of the card that takes the place of the first one.
    """

    persona: Persona
    random: Random
    deliveries: list[tuple[int, Event]] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    trifles_paused_ms: tuple[int, int] = (0, 0)
    cards_unused_ms: tuple[int, int] = (0, 0)
    away_ms: list[tuple[int, int]] = field(default_factory=list)
    touches_weekly: int = 1
    card_replaced: tuple[int, str] | None = None
    serial: int = 0

    def identifier(self) -> str:
        """The next id of a planted event of this customer."""
        self.serial += 1
        return f"{self.persona.customer}-x{self.serial}"

    def daytime_ms(self, days: tuple[int, int]) -> int:
        """Some time in office hours of some day in that range of days of the generated time."""
        return day_ms(self.random.randrange(*days)) + self.random.randrange(8 * HOUR_MS, 18 * HOUR_MS)

    def deliver(self, event: Event, *, late_ms: int = 0) -> str:
        """Plant an event and return its id."""
        self.deliveries.append((event.at_ms + late_ms, event))
        return event.id

    def happen(self, what: type[Event], at_ms: int, /, **fields: Any) -> str:
        """Plant an event of a kind and return its id."""
        return self.deliver(what(id=self.identifier(), customer=self.persona.customer, at_ms=at_ms, **fields))

    def buy(self, category: str, at_ms: int, **fields: Any) -> str:
        """Plant a purchase of something of a category, and return its id."""
        product = f"{category}-{self.random.randrange(100)}"
        amount_minor = self.random.randrange(2_000, 90_000)
        given = {"product": product, "category": category, "amount_minor": amount_minor, "currency": CURRENCY}
        return self.happen(Purchase, at_ms, **given | fields)

    def book(self, account_type: AccountType, amount_minor: int, method: Method, at_ms: int, **other_side: str) -> str:
        """Plant a movement and return its id."""
        booking = Booking(
            id=self.identifier(),
            at_ms=at_ms,
            account_type=account_type,
            amount_minor=amount_minor,
            method=method,
            **other_side,
        )
        self.bookings.append(booking)
        return booking.id

    def expect(self, trigger: str, action: str, at_ms: int, events: list[str]) -> None:
        """Label a plant: this must be sent."""
        self._label("plant", (trigger, action, self.persona.role), at_ms, events)

    def forbid(self, trigger: str, action: str, at_ms: int, events: list[str], note: str = "") -> None:
        """Label a near miss: nothing may be sent; the note is the customer's role unless told otherwise."""
        self._label("near_miss", (trigger, action, note or self.persona.role), at_ms, events)

    def _label(self, kind: Kind, words: tuple[str, str, str], at_ms: int, events: list[str]) -> None:
        trigger, action, note = words
        case = Case(
            trigger=trigger,
            action=action,
            customer=self.persona.customer,
            kind=kind,
            at_ms=at_ms,
            events=tuple(events),
            note=note,
        )
        self.cases.append(case)


class Role(Struct, frozen=True):
    """One situation: `plant` makes it happen to a customer, and labels it."""

    name: str
    industry: Industry
    plant: Callable[[Plan], None]
