"""A customer: what happened, what is known, what was considered and not sent, and what waits until when."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from agents.why.history import Asked, History
from agents.why.sources import Journal
from streams import remember, state
from streams.actions import Decision
from streams.facts import Complaint, FraudCheck
from streams.journal import Entry, EventEntry, Forget
from streams.policy import Policy
from streams.view import describe


class Moment(Struct, kw_only=True):
    """One thing in the customer's timeline: an entry of the customer's, or what was decided at an entry.

    Attributes:
        at_ms: when it happened; of a decision, the journal's time.
        entry: the event or request, as it is in the journal.
    """

    position: int
    at_ms: int
    entry: Any = None
    decision: Decision | None = None


class Waiting(Struct, kw_only=True):
    """A candidate that is held, and until when at the latest; `asked` is what the arbiter was last asked about it."""

    candidate: str
    trigger: str
    action: str
    because: str
    reason: str
    until_ms: int
    asked: Asked | None


class Known(Struct, kw_only=True):
    """The state: the customer's view as Redis has it, and what follows from it now.

    Attributes:
        risks: what is left of each signal.
        paused_until_ms: until when offers rest; None if they don't.
        due: when each trigger looks again.
    """

    view: Raw
    complaint: Complaint | None
    fraud_check: FraudCheck | None
    terms: dict[str, Any]
    worth_minor: int
    risks: dict[str, float]
    paused_until_ms: int | None
    due: dict[str, int]


class Story(Struct, kw_only=True):
    """A customer's story up to a journal position; `known` is None where nothing is: forgotten, or nothing stored."""

    customer: str
    partition: int
    position: int
    now_ms: int
    config_version: str | None
    timeline: list[Moment]
    known: Known | None
    not_sent: list[Asked]
    waiting: list[Waiting]


class Nowhere(Struct, frozen=True):
    """No entry names the customer; `began` is the first journal position that was looked at, None without any."""

    partition: int | None
    began: int | None


async def tell(journal: Journal, name: str) -> Story | Nowhere:
    """The customer of this name.

    Raises:
        MissingTopic, JournalError, KafkaError, TimeoutError, ReplayError, OSError: the journal can't be read.
    """
    partition = await journal.customer(name)
    if partition is None:
        return Nowhere(None, None)
    history = History(partition, name)
    async for _, record in journal.entries(partition):
        history.take(record)
    if not history.entries:
        return Nowhere(partition, history.began)
    return Story(
        customer=name,
        partition=partition,
        position=history.position,
        now_ms=history.now_ms,
        config_version=history.rules.config.version if history.rules else None,
        timeline=_timeline(history),
        known=_known(history),
        not_sent=_not_sent(history),
        waiting=_waiting(history),
    )


def _timeline(history: History) -> list[Moment]:
    """Entries and decisions by journal position; an entry comes before what was decided at it."""
    moments = [
        Moment(position=position, at_ms=_at_ms(entry), entry=_content(entry))
        for position, entry in history.entries.items()
    ]
    moments += [
        Moment(position=one.position, at_ms=one.at_ms, decision=one.decision)
        for one in history.asked
        if one.decision is not None
    ]
    return sorted(moments, key=lambda one: one.position)


def _at_ms(entry: Entry) -> int:
    return entry.event.at_ms if isinstance(entry, EventEntry) else entry.at_ms


def _content(entry: Entry) -> Any:
    """With its field names, which the journal leaves out."""
    if isinstance(entry, EventEntry):
        return entry.event
    return {"type": "forget", "request": entry.request} if isinstance(entry, Forget) else None


def _known(history: History) -> Known | None:
    blob = history.state
    if blob is None:
        return None
    customer = state.decode(blob)
    facts, now_ms, policy = customer.facts, history.now_ms, _policy(history)
    view = describe(history.customer, blob).document
    paused_until_ms = int(msgspec.json.decode(view)["facts"]["offers_paused_until_ms"])
    return Known(
        view=Raw(view),
        complaint=facts.open_complaint(now_ms, policy.complaint_open_max),
        fraud_check=facts.open_fraud_check(now_ms, policy.fraud_check_open_max),
        terms={name: _named(term) for name, term in facts.running_terms(now_ms).items()},
        worth_minor=facts.worth_minor(),
        risks=remember.risks(facts, now_ms, policy),
        paused_until_ms=paused_until_ms if now_ms < paused_until_ms else None,
        due=dict(customer.due),
    )


def _not_sent(history: History) -> list[Asked]:
    """The last word on each candidate that was decided and is neither sent nor waits."""
    last = {one.candidate: one for one in history.asked if one.decision is not None}
    ended = ("suppressed", "shadow", "failed")
    return [one for one in last.values() if one.decision is not None and one.decision.outcome in ended]


def _waiting(history: History) -> list[Waiting]:
    blob = history.state
    last = {one.candidate: one for one in history.asked}
    return [
        Waiting(
            candidate=held.proposal.id,
            trigger=held.proposal.trigger,
            action=held.proposal.candidate.action,
            because=held.proposal.candidate.because,
            reason=held.reason,
            until_ms=held.until_ms,
            asked=last.get(held.proposal.id),
        )
        for held in (state.decode(blob).held if blob else ())
    ]


def _policy(history: History) -> Policy:
    return history.rules.config.policy if history.rules else Policy()


def _named(record: Struct) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}
