"""What every trigger and the arbiter may know of a customer, kept once, by the engine (`streams.remember`).

Lists are bounded by the policy, newest kept. Fields are only ever appended: stored states are read by position.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Literal

import msgspec
from msgspec import Struct, field

from streams import events
from streams.calendar import add_months, is_known
from streams.events import Caused
from streams.periods import Periods
from streams.policy import Policy
from streams.trigger import milliseconds

WEEK_MS = 7 * 86_400_000
WEEKS_KEPT = 13
MONTHS_KEPT = 12
MONTH_MS = 2_629_800_000  # a twelfth of a Julian year: good enough to sum up a year
STATEMENTS_KEPT = 6
INACTIVE_MONTHS = 6
REVOLVING_FROM = 2
Payer = Literal["transactor", "revolver", "inactive", "unknown"]
RESPONSES = ("", "delivered", "opened", "declined", "accepted", "converted")  # each says more than the one before


class FraudCheck(Struct, array_like=True):
    """A question put to the cardholder about `transaction`; open while `answer` is None.

    One whose answer came first has no card and no merchant yet.
    """

    transaction: str
    card: str
    merchant: str
    opened_at_ms: int
    answer: str | None = None
    answered_at_ms: int | None = None


class Contact(Struct, array_like=True):
    """An offer that went out to the customer, or would have if the customer weren't held out.

    Attributes:
        decision: its id, which a response names.
        response: one of `RESPONSES`, the strongest so far.
    """

    at_ms: int
    trigger: str
    action: str
    decision: str = ""
    offer: str | None = None
    response: str = ""
    responded_at_ms: int = -1
    is_held_out: bool = False


class Complaint(Caused, Struct, array_like=True):
    """A complaint, or the resolution of one. `subject` empty: about nothing in particular."""

    at_ms: int
    subject: str
    event: str
    position: int

    def is_about(self, other: str) -> bool:
        """Whether it may be about that subject: one that names none is about any."""
        return not self.subject or not other or self.subject == other


def first_resolution(complaint: Complaint, resolutions: Iterable[Complaint]) -> Complaint | None:
    """The first of these resolutions that came after a complaint and may be of it."""
    later = (one for one in resolutions if one.at_ms >= complaint.at_ms and one.is_about(complaint.subject))
    return min(later, key=lambda one: one.at_ms, default=None)


class Term(Struct, array_like=True):
    """A contract as the latest word on it says; None, or an empty status, where nothing was said."""

    product: str
    status: str
    at_ms: int
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    price_minor: int | None = None
    currency: str | None = None
    is_auto_renewed: bool | None = None
    event: str = ""
    position: int = -1

    def runs(self, now_ms: int) -> bool:
        """Whether it is in force."""
        if self.status in ("cancelled", "not_renewed"):
            return self.ends_at_ms is not None and now_ms < self.ends_at_ms
        return self.ends_at_ms is None or now_ms < self.ends_at_ms


class Signal(Struct, array_like=True):
    """A reason to fear for the customer: risk 0 to 1 when it was seen."""

    risk: float
    at_ms: int


class Dossier(Struct, array_like=True):
    """What seldom changes; `consents` and `channels` as in the last profile, oldest first in lists.

    Attributes:
        risk: all signals together, when the last one was seen.
        signals: by trigger; all of fraud's under `fraud`.
        complaints: latest; `resolutions` apart, since either may arrive first.
        terms: by contract, latest heard of last.
        statements: (end of the period in ms, whether it was paid in full).
    """

    profile_at_ms: int = -1
    time_zone: str = ""
    language: str = ""
    channels: tuple[events.Channel, ...] = ()
    consents: tuple[events.Channel, ...] = ()
    value_minor: int = 0
    accounts: dict[str, events.AccountType] = field(default_factory=dict)
    cards: tuple[str, ...] = ()
    fraud_checks: list[FraudCheck] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    offers_paused_until_ms: int = 0
    risk: float = 0.0
    risk_at_ms: int = -1
    signals: dict[str, Signal] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    resolutions: list[Complaint] = field(default_factory=list)
    terms: dict[str, Term] = field(default_factory=dict)
    statements: list[tuple[int, bool]] = field(default_factory=list)


class Facts(Struct, array_like=True, dict=True):
    """The shared facts of one customer: what almost every event changes, and the dossier.

    Attributes:
        margins: margin in minor units by month, counted from the epoch in twelfths of a year.
        touches: how often the customer opened or visited, by week counted from the epoch.
        uses: latest use, of a card by its token, an account by its id, a product by its name; and of `card`, `savings`
            and other kinds of account, whichever it was.
        stored: the dossier as it was stored; `pack` brings it up to date.
    """

    card_used_at_ms: int = -1
    margins: Periods = field(default_factory=Periods)
    touches: Periods = field(default_factory=Periods)
    uses: dict[str, int] = field(default_factory=dict)
    stored: bytes = b""

    @cached_property
    def dossier(self) -> Dossier:
        """Decoded when somebody first asks for it: most events don't, and it is most of what is known."""
        return _decode_dossier(self.stored) if self.stored else Dossier()

    def pack(self) -> None:
        """Encode the dossier, if somebody asked for it: it may have been changed."""
        if "dossier" in self.__dict__:
            self.stored = _encode(self.dossier)

    def zone(self, policy: Policy) -> str:
        """The customer's time zone, else the policy's."""
        return self.dossier.time_zone if is_known(self.dossier.time_zone) else policy.time_zone

    def open_fraud_check(self, now_ms: int, open_max: timedelta) -> FraudCheck | None:
        """The latest check without an answer; after `open_max` it no longer counts as open."""
        since_ms = now_ms - milliseconds(open_max)
        return next(
            (c for c in reversed(self.dossier.fraud_checks) if c.answer is None and c.opened_at_ms > since_ms), None
        )

    def resolution_of(self, complaint: Complaint) -> Complaint | None:
        """The first resolution after a complaint that may be of it."""
        return first_resolution(complaint, self.dossier.resolutions)

    def open_complaint(self, now_ms: int, open_max: timedelta) -> Complaint | None:
        """The latest complaint that wasn't resolved; after `open_max` it no longer counts as open."""
        since_ms = now_ms - milliseconds(open_max)
        recent = [one for one in self.dossier.complaints if since_ms < one.at_ms and self.resolution_of(one) is None]
        return max(recent, key=lambda one: one.at_ms, default=None)

    def resolved_at_ms(self) -> int | None:
        """When the last complaint was resolved; None without one."""
        return max((one.at_ms for one in self.dossier.resolutions), default=None)

    def running_terms(self, now_ms: int) -> dict[str, Term]:
        """The contracts in force, by name."""
        return {name: term for name, term in self.dossier.terms.items() if term.runs(now_ms)}

    def payer(self, now_ms: int) -> Payer:
        """How the customer uses credit cards: pays in full, carries a balance, or hasn't used one for six months."""
        if self.card_used_at_ms >= 0 and now_ms >= add_months(self.card_used_at_ms, INACTIVE_MONTHS):
            return "inactive"
        return self.payer_before()

    def payer_before(self) -> Payer:
        """The same while cards were used: two of the last six statements not paid in full make a revolver."""
        if not self.dossier.statements:
            return "unknown"
        unpaid = sum(not is_full for _, is_full in self.dossier.statements)
        return "revolver" if unpaid >= REVOLVING_FROM else "transactor"

    def worth_minor(self) -> int:
        """What the customer is worth a year: as the profile says, else the margin of the last twelve months."""
        return self.dossier.value_minor or sum(self.margins.counts)

    def touches_a_week(self, now_ms: int, weeks: int = 8) -> float:
        """How often the customer opened or visited in a week, on average over the last ones, this one included."""
        this_week = now_ms // WEEK_MS
        return self.touches.total(this_week - weeks + 1, this_week) / weeks

    def ignored_in_a_row(self, now_ms: int, ignored_after: timedelta) -> int:
        """How many of the latest offers, one after the other, the customer didn't even open in time."""
        count, before_ms = 0, now_ms - milliseconds(ignored_after)
        for contact in reversed(self.dossier.contacts):
            if contact.is_held_out or contact.at_ms > before_ms:
                continue
            if contact.response not in ("", "delivered"):
                break
            count += 1
        return count


_encode = msgspec.msgpack.Encoder().encode
_decode_dossier = msgspec.msgpack.Decoder(Dossier).decode
