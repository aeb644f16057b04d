"""Contracts as their events tell, by event time: the same whatever order the events come in."""

from datetime import timedelta

from msgspec import Struct, field

from streams.calendar import add_months
from streams.events import Caused, Contract
from streams.trigger import milliseconds
from streams.triggers.bounded import put_last
from streams.triggers.wording import DAY_MS, money

BEGINS = ("signed", "renewed")
ENDS = ("cancelled", "not_renewed")
SWITCHES = ("auto_renewal_on", "auto_renewal_off")
_KINDS = (BEGINS, ENDS, SWITCHES)
_MONTH_MS = (
    2_629_800_000  # a twelfth of a Julian year: to guess at the number of months, which the calendar then checks
)


class Word(Caused, Struct, array_like=True):
    """What one event said of a contract; `told` is what was decided about it, so that it isn't decided again."""

    at_ms: int
    event: str
    position: int
    status: str
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    price_minor: int | None = None
    currency: str | None = None
    reason: str | None = None
    told: list[str] = field(default_factory=list)

    @property
    def price(self) -> dict[str, str | int]:
        """The price of the term, to be filled in; empty where unknown."""
        if self.price_minor is None or not self.currency:
            return {}
        return {"price_minor": self.price_minor, "currency": self.currency}

    @property
    def at_price(self) -> str:
        """The same in words, to follow others: ` at 50.00 EUR`."""
        return f" at {money(self.price_minor, self.currency)}" if self.price_minor is not None and self.currency else ""


class Agreement(Struct, array_like=True):
    """One contract; its words are in the order of their event time."""

    product: str
    words: list[Word] = field(default_factory=list)

    def hear(self, word: Word, kept_max: int) -> None:
        """Put a word where it belongs in time. The oldest make room, but for the last of its kind; a repeat is none."""
        if any(one.event == word.event for one in self.words):
            return
        self.words = sorted([*self.words, word], key=lambda one: (one.at_ms, one.event))
        if len(self.words) > kept_max:
            lasting = [self.last(kind) for kind in _KINDS]
            self.words.remove(next(one for one in self.words if one not in lasting))

    def last(self, statuses: tuple[str, ...], until_ms: int | None = None) -> Word | None:
        """The last word of one of these statuses, up to and with that time; None if there is none."""
        said = (one for one in reversed(self.words) if until_ms is None or one.at_ms <= until_ms)
        return next((one for one in said if one.status in statuses), None)

    def term(self) -> Word | None:
        """What began the term that nobody has ended; None without one."""
        word = self.last((*BEGINS, *ENDS))
        return word if word is not None and word.status in BEGINS else None

    def ends_at_ms(self, term: Word) -> int | None:
        """When a term ends, as the last word since it began says; None where none does."""
        said = (one.ends_at_ms for one in reversed(self.words) if one.at_ms >= term.at_ms)
        return next((one for one in said if one is not None), None)

    def auto_renewal(self, at_ms: int | None = None) -> Word | None:
        """What switched automatic renewal on, if it was on then; without a time, if it is by the last word."""
        switch = self.last(SWITCHES, at_ms)
        return switch if switch is not None and switch.status == "auto_renewal_on" else None


def learn(contracts: dict[str, Agreement], entry: Contract, contracts_kept_max: int, words_kept_max: int) -> None:
    """Take what an event says into the contracts, which are ordered by when they were last heard of."""
    agreement = contracts.pop(entry.contract, None) or Agreement(entry.product)
    put_last(contracts, entry.contract, agreement, contracts_kept_max)
    word = Word(
        entry.at_ms,
        entry.id,
        entry.position,
        entry.status,
        entry.starts_at_ms,
        entry.ends_at_ms,
        entry.price_minor,
        entry.currency,
        entry.reason if entry.status in ENDS else None,
    )
    agreement.hear(word, words_kept_max)


def shortened_ms(duration: timedelta, percent_max: int, starts_at_ms: int, ends_at_ms: int) -> int:
    """A time before the end of a term, in ms: at most such a share of it, so that a short term isn't all window."""
    return min(milliseconds(duration), max(0, ends_at_ms - starts_at_ms) * percent_max // 100)


def next_end_ms(starts_at_ms: int, ends_at_ms: int, zone: str) -> int:
    """When the next term ends, if it is as long as the last one: in months by the calendar where that was whole months.

    Six months from 31 August end on 28 February; the next six again on 31 August.
    """
    months = round((ends_at_ms - starts_at_ms) / _MONTH_MS)
    off_ms = ends_at_ms - add_months(starts_at_ms, months, zone)
    if months < 1 or abs(off_ms) > DAY_MS:  # the last day may be meant with the end or without it
        return 2 * ends_at_ms - starts_at_ms
    return add_months(starts_at_ms, 2 * months, zone) + off_ms
