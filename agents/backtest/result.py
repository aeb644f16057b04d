"""The result of a backtest: what each trigger decides otherwise, by day, and figures of both sides."""

from datetime import UTC, datetime

from msgspec import Struct

from agents.backtest.comparison import SIDES, Day, Example, Side
from agents.backtest.recorded import Live
from agents.report.figures import ENOUGH, Uplift
from agents.report.intervals import Share


def moment(at_ms: int) -> str:
    """An instant in UTC; empty for none."""
    return "" if at_ms < 0 else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Contacts(Struct, frozen=True):
    """Contacts of those customers who had any; `customers_by_count`: how many customers had so many."""

    contacts: int
    customers: int
    mean: float
    most: int
    customers_by_count: dict[int, int]


class OfDay(Struct, frozen=True):
    """A day (UTC) of a trigger, as in `2026-05-31`."""

    day: str
    unchanged: int
    changed: int
    gained: int
    lost: int


class OfSide(Struct, frozen=True):
    """A trigger's figures on one side.

    Attributes:
        precision: of the cardholders asked, who answered in life, those who said that it was fraud.
        unanswered: cardholders asked of whom no answer is known.
        uplift: None where the trigger makes no offers, or it isn't known what came of them.
    """

    sent: int
    silences: dict[str, int]
    holds: dict[str, int]
    precision: Share
    unanswered: int
    uplift: Uplift | None
    contacts: Contacts


class OfTrigger(Struct, frozen=True):
    """What one trigger decides otherwise. `unchanged` and `changed` are sent by both sides."""

    trigger: str
    unchanged: int
    changed: int
    gained: int
    lost: int
    changed_in: dict[str, int]
    lost_to: dict[str, int]
    gained_from: dict[str, int]
    old: OfSide
    new: OfSide
    days: list[OfDay]
    examples_gained: list[Example]
    examples_lost: list[Example]
    examples_changed: list[Example]

    @property
    def sides(self) -> tuple[tuple[Side, OfSide], ...]:
        """Both, with their names."""
        return ("old", self.old), ("new", self.new)

    @property
    def differs(self) -> bool:
        """Whether anything is sent otherwise."""
        return bool(self.changed or self.gained or self.lost)

    @property
    def says_of_uplift(self) -> bool:
        """Whether its uplift is worth showing: it differs, or enough is known."""
        known = self.old.uplift and min(self.old.uplift.treated.total, self.old.uplift.held_out.total)
        return self.differs or (known or 0) >= ENOUGH


class History(Struct, frozen=True):
    """What was decided on: entries by kind, customers, and the time that was compared (UTC, ISO 8601)."""

    source: str
    partitions: int
    entries: dict[str, int]
    customers: int
    begin: str
    end: str
    versions: list[str]


class Cost(Struct, frozen=True):
    """What it took; an entry counts once, though both sides decide it."""

    seconds: float
    cpu_seconds: float
    entries: int
    cpu_us_per_entry: float
    entries_per_second: int
    peak_megabytes: float
    processes: int


class Result(Struct, frozen=True):
    """A backtest. `old`: the version compared with, or `live`: each of the journal from its entry on."""

    old: str
    new: str
    since: str | None
    history: History
    live: Live
    refused: list[str]
    total: Day
    contacts: dict[Side, Contacts]
    triggers: list[OfTrigger]
    cost: Cost

    @property
    def told_contacts(self) -> list[tuple[str, Side, Contacts]]:
        """Trigger, side and contacts: of all triggers together, then of those that differ."""
        every: list[tuple[str, Side, Contacts]] = [("all", side, self.contacts[side]) for side in SIDES]
        several = [(one.trigger, side, of.contacts) for one in self.triggers if one.differs for side, of in one.sides]
        return every + [one for one in several if one[2].contacts]
