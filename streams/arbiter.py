"""The arbiter: whether a candidate is sent, held or suppressed, and why.

Each rule looks at one candidate and either has no objection (None) or gives its ruling; the first objection counts.
Fraud checks and service messages pass at once: only offers are asked to wait or to be silent.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from streams.actions import ACTIONS
from streams.config import Policy
from streams.events import Channel
from streams.facts import Facts
from streams.trigger import Candidate, milliseconds


class Ruling(Struct, frozen=True):
    """What becomes of a candidate; `until_ms` says when a held one is looked at again at the latest."""

    outcome: Literal["sent", "held", "suppressed"]
    reason: str | None = None
    until_ms: int | None = None


class Question(Struct, frozen=True):
    """A candidate in its circumstances."""

    candidate: Candidate
    facts: Facts
    policy: Policy
    now_ms: int


Objection = Callable[[Question], Ruling | None]
_SENT = Ruling("sent")


def _suppressed(reason: str) -> Ruling:
    return Ruling("suppressed", reason)


def expired(question: Question) -> Ruling | None:
    """Acting no longer makes sense."""
    expires_ms = question.candidate.expires_at_ms
    return _suppressed("expired") if expires_ms is not None and expires_ms <= question.now_ms else None


def no_consent(question: Question) -> Ruling | None:
    """The customer agreed to no channel on which this action can be carried out."""
    return None if channel_for(question.candidate.action, question.facts) else _suppressed("no_consent")


def offers_paused(question: Question) -> Ruling | None:
    """Offers rest after a confirmed fraud."""
    return _suppressed("offers_paused") if question.now_ms < question.facts.offers_paused_until_ms else None


def cool_down(question: Question) -> Ruling | None:
    """The last offer to this customer is too recent."""
    contacts = question.facts.contacts
    last_ms = max((contact.at_ms for contact in contacts), default=None)
    if last_ms is None or question.now_ms >= last_ms + milliseconds(question.policy.cool_down):
        return None
    return _suppressed("cool_down")


def fraud_check_open(question: Question) -> Ruling | None:
    """The cardholder was asked about a purchase and hasn't answered: selling waits."""
    open_max = question.policy.fraud_check_open_max
    check = question.facts.open_fraud_check(question.now_ms, open_max)
    if check is None:
        return None
    until_ms = check.opened_at_ms + milliseconds(open_max)
    expires_ms = question.candidate.expires_at_ms
    return Ruling("held", "fraud_check_open", until_ms if expires_ms is None else min(until_ms, expires_ms))


OBJECTIONS: tuple[Objection, ...] = (expired, no_consent, offers_paused, cool_down, fraud_check_open)
DISPLACED = "displaced"  # more candidates wait than are kept: the oldest goes
REASONS: tuple[str, ...] = (*(objection.__name__ for objection in OBJECTIONS), DISPLACED)


def judge(question: Question) -> Ruling:
    """The ruling on one candidate."""
    if question.candidate.quiet is not None:
        return _suppressed(question.candidate.quiet)
    if not ACTIONS[question.candidate.action].is_offer:
        return _SENT
    return next((ruling for objection in OBJECTIONS if (ruling := objection(question))), _SENT)


def channel_for(action: str, facts: Facts) -> Channel | None:
    """The customer's best channel for an action: possible for it, and agreed to. None where there is none."""
    possible = ACTIONS[action].channels
    return next((one for one in facts.channels if one in possible and one in facts.consents), None)
