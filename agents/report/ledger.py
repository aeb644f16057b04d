"""Decisions with what came back on them: the cardholder's verdict, the customer's response.

Verdicts and responses are taken in any order, before or after their decision; the last real answer of a cardholder and
the strongest response of a customer count.
"""

from collections import Counter

from msgspec import Struct, field

from streams.actions import ACTIONS, Decision
from streams.arbiter import HOLD_OUT
from streams.events import Event, Response, Verdict
from streams.facts import RESPONSES

ASKED = "verify_with_cardholder"


class Check(Struct, frozen=True):
    """A cardholder who was asked, and the answer: fraud, genuine, or None."""

    decision: Decision
    answer: str | None


class Offer(Struct, frozen=True):
    """An offer that was made, or held out, and the strongest response, one of `streams.facts.RESPONSES`."""

    decision: Decision
    response: str

    @property
    def is_held_out(self) -> bool:
        """Whether the customer got nothing, to compare with."""
        return self.decision.reason == HOLD_OUT

    @property
    def is_accepted(self) -> bool:
        """Whether the customer took it."""
        return self.response in ("accepted", "converted")


class Ledger(Struct):
    """Everything that a report is made of.

    Attributes:
        keeps_decisions: whether all of them are kept, in `decisions`: to compare what runs in shadow.
        silences: what was not sent, by trigger and reason.
        holds: what had to wait, by trigger and reason; what became of it is a decision of its own.
        versions: the content of each config version.
        holds: what had to wait, by trigger and reason; what became of it is a decision of its own.
    """

    keeps_decisions: bool = False
    decisions: list[Decision] = field(default_factory=list)
    versions: dict[str, bytes] = field(default_factory=dict)
    checks: dict[str, Decision] = field(default_factory=dict)
    offers: dict[str, Decision] = field(default_factory=dict)
    silences: Counter[tuple[str, str]] = field(default_factory=Counter)
    holds: Counter[tuple[str, str]] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    _answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    _responses: dict[str, str] = field(default_factory=dict)

    def decided(self, decision: Decision) -> None:
        """A decision of the log."""
        if self.keeps_decisions:
            self.decisions.append(decision)
        if decision.outcome == "shadow":
            return
        if decision.outcome == "sent":
            self.sent[decision.trigger] += 1
        else:
            counted = self.holds if decision.outcome == "held" else self.silences
            counted[decision.trigger, decision.reason or decision.outcome] += 1
        if decision.outcome == "sent" and decision.action == ASKED:
            self.checks[decision.id] = decision
        is_offer = decision.action in ACTIONS and ACTIONS[decision.action].is_offer
        if is_offer and (decision.outcome == "sent" or decision.reason == HOLD_OUT):
            self.offers[decision.id] = decision

    def happened(self, event: Event) -> None:
        """An event of the journal."""
        if isinstance(event, Verdict) and event.answer != "not_reached":
            before_ms, _ = self._answers.get(event.transaction, (-1, ""))
            if event.at_ms >= before_ms:
                self._answers[event.transaction] = (event.at_ms, event.answer)
        elif isinstance(event, Response):
            before = self._responses.get(event.action_id, "")
            if RESPONSES.index(event.kind) > RESPONSES.index(before):
                self._responses[event.action_id] = event.kind

    def answered_checks(self) -> list[Check]:
        """Every check with its answer so far."""
        return [Check(one, self.answer_to(one)) for one in self.checks.values()]

    def answer_to(self, check: Decision) -> str | None:
        """The cardholder's last real answer about the purchase that a check is about."""
        return self._answers.get(check.subject.get("transaction", ""), (0, None))[1]

    def answered_offers(self) -> list[Offer]:
        """Every offer, made or held out, with its response so far."""
        return [Offer(one, self._responses.get(one.id, "")) for one in self.offers.values()]
