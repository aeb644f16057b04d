"""What came of one side's decisions, by trigger: sent, silent, answered, converted; sums that can be added."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from msgspec import Struct, field

from agents.report.ledger import Ledger, Offer
from streams.actions import ACTIONS, Decision
from streams.events import AnyEvent

CONVERTED = "converted"
UNANSWERED = "unanswered"


class Group(Struct):
    """Customers with an offer, or kept without one, and how many of them converted."""

    converted: int = 0
    total: int = 0


class Figures(Struct):
    """One trigger's, on one side.

    Attributes:
        silences: what wasn't sent, `holds`: what had to wait, by reason.
        answers: of the cardholders asked: fraud, genuine, or unanswered.
        treated, held_out: of the offers of which it is known what came of them.
        contacts: how many customers have so many contacts.
    """

    sent: int = 0
    silences: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    treated: Group = field(default_factory=Group)
    held_out: Group = field(default_factory=Group)
    contacts: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        """The same of other customers."""
        self.sent += other.sent
        self.silences += other.silences
        self.holds += other.holds
        self.answers += other.answers
        self.contacts += other.contacts
        for own, more in ((self.treated, other.treated), (self.held_out, other.held_out)):
            own.converted += more.converted
            own.total += more.total


class Tally:
    """One side of one partition; a report's ledger, with contacts."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._contacts: Counter[tuple[str, str]] = Counter()

    def decided(self, decision: Decision) -> None:
        """A decision of this side."""
        self.ledger.decided(decision)
        if decision.outcome == "sent" and ACTIONS[decision.action].channels:
            self._contacts[decision.trigger, decision.customer] += 1

    def happened(self, event: AnyEvent) -> None:
        """A verdict or a response."""
        self.ledger.happened(event)

    def contacts(self) -> Counter[int]:
        """How many customers have so many contacts, of whatever trigger."""
        by_customer: Counter[str] = Counter()
        for (_, customer), count in self._contacts.items():
            by_customer[customer] += count
        return Counter(by_customer.values())

    def by_trigger(self, made: Collection[Offer]) -> dict[str, Figures]:
        """All figures. `made`: the offers of which it is known what came of them, since they were made in life."""
        found: dict[str, Figures] = defaultdict(Figures)
        for trigger, count in self.ledger.sent.items():
            found[trigger].sent = count
        for (trigger, reason), count in self.ledger.silences.items():
            found[trigger].silences[reason] = count
        for (trigger, reason), count in self.ledger.holds.items():
            found[trigger].holds[reason] = count
        for check in self.ledger.answered_checks():
            found[check.decision.trigger].answers[check.answer or UNANSWERED] += 1
        for (trigger, _), count in self._contacts.items():
            found[trigger].contacts[count] += 1
        for offer in self.both(made):
            one = found[offer.decision.trigger]
            group = one.held_out if offer.is_held_out else one.treated
            group.total += 1
            group.converted += offer.response == CONVERTED
        return dict(found)

    def both(self, made: Iterable[Offer]) -> list[Offer]:
        """Of the offers made in life those that this side makes too, or keeps back too."""
        own = self.ledger.offers
        return [one for one in made if one.decision.id in own and own[one.decision.id].outcome == one.decision.outcome]
