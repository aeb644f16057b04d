"""Why a decision was made: its causes, its values, what the arbiter was asked, and what competed with it."""

from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct

from agents.why.history import Asked, History
from agents.why.sources import Journal
from streams.actions import Decision
from streams.events import Event
from streams.journal import EventEntry, Source


class Cause(Struct, frozen=True):
    """A journal entry behind a decision, as it is there: what the intake masked stays masked.

    Attributes:
        event: None where the entry is gone, or names no event of this customer.
    """

    position: int
    id: str
    event: Event | None
    source: dict[str, Any] | None
    traceparent: str | None


class InForce(Struct, frozen=True):
    """The config version that decided: the journal entry that it came by, and the trigger's settings in it."""

    version: str
    position: int
    at_ms: int
    mode: str | None
    parameters: Any


class Explanation(Struct, kw_only=True):
    """A decision, explained.

    Attributes:
        position: of the journal entry at which it was made, of kind `by`.
        asked: each time that the candidate came before the arbiter with another result, oldest first.
        preferred: the candidate by which it was outranked.
        journal_position: up to where the journal was read: to the candidate's end, if it has one yet.
    """

    decision: Decision
    partition: int
    position: int
    by: str
    rules: InForce
    causes: list[Cause]
    asked: list[Asked]
    preferred: Decision | None
    journal_position: int


class NotTheSame(Exception):  # noqa: N818 - it says what is the matter
    """The decision is on its topic, but the journal, decided again by this release, doesn't lead to it."""


async def explain(journal: Journal, identity: str) -> Explanation | None:
    """The decision with this id; None if there is none.

    Raises:
        NotTheSame: another release decided, or the journal isn't whole.
        MissingTopic, JournalError, KafkaError, TimeoutError, ReplayError, OSError: the journal can't be read.
    """
    found = await journal.decision(identity)
    if found is None:
        return None
    history, told, rules = History(found.partition, found.customer), None, None
    async with aclosing(journal.entries(found.partition)) as entries:
        async for _, record in entries:
            for one in history.take(record):
                if one.decision is not None and one.decision.id == identity:
                    told, rules = one, history.rules
            if told is not None and _is_over(history, told):
                break
    if told is None or told.decision is None or rules is None:
        raise NotTheSame(identity)
    settings = rules.config.triggers.get(told.trigger)
    mode, parameters = (settings.mode, settings.parameters) if settings else (None, None)
    return Explanation(
        decision=told.decision,
        partition=found.partition,
        position=told.position,
        by=told.by,
        rules=InForce(rules.config.version, rules.position, rules.at_ms, mode, msgspec.to_builtins(parameters)),
        causes=[_cause(history, cause.event, cause.position) for cause in told.decision.causes],
        asked=[one for one in history.asked if one.candidate == told.candidate],
        preferred=_preferred(history, told.decision.outranked_by),
        journal_position=history.position,
    )


def _is_over(history: History, told: Asked) -> bool:
    """Whether the candidate has come to its end: it is decided, and not only held."""
    decided = (one.decision for one in history.asked if one.candidate == told.candidate)
    return any(one is not None and one.held_until_ms is None for one in decided)


def _preferred(history: History, candidate: str | None) -> Decision | None:
    decided = [one.decision for one in history.asked if one.candidate == candidate and one.decision is not None]
    return decided[-1] if decided else None


def _cause(history: History, event: str, position: int) -> Cause:
    entry = history.entries.get(position)
    if not isinstance(entry, EventEntry):
        return Cause(position, event, None, None, None)
    return Cause(position, event, entry.event, _named(entry.source), entry.traceparent)


def _named(source: Source) -> dict[str, Any]:
    return {name: getattr(source, name) for name in source.__struct_fields__}
