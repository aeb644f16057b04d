"""A candidate's outcome as a decision: everything that somebody may ask about later is put down here."""

import msgspec
from msgspec import Struct

from streams import arbiter, remember
from streams.actions import ACTIONS, Decision, candidate_id, held_id
from streams.arbiter import Ruling
from streams.competition import choose
from streams.events import Cause
from streams.facts import Facts
from streams.rules import Rules
from streams.state import Proposal
from streams.trigger import ActionSent

# The machine's trouble, where another machine would decide, and a damaged record: whoever meets these must stop, not
# call the entry a failure.
NOT_THE_ENTRYS = (MemoryError, msgspec.DecodeError)


class Circumstances(Struct, frozen=True):
    """Whom, when (the customer's time, and the last tick), by which journal entry, in which trace."""

    customer: str
    now_ms: int
    ticked_ms: int
    position: int
    traceparent: str | None


def decided(proposal: Proposal, ruling: Ruling, facts: Facts, rules: Rules, at: Circumstances) -> Decision:
    """What became of a proposal, and why."""
    candidate = proposal.candidate
    held_until_ms = ruling.until_ms if ruling.outcome == "held" else None
    identity = proposal.id if held_until_ms is None else held_id(proposal.id, ruling.reason or "", at.now_ms)
    several = _risks(proposal, ruling, facts, rules, at)
    risk = remember.combined(several) if several else candidate.risk
    value_minor = facts.worth_minor()
    choice = choose(proposal, several, facts, rules.policy) if _is_offer(proposal) else None
    return Decision(
        id=identity,
        candidate=proposal.id,
        trigger=proposal.trigger,
        family=proposal.family,
        action=candidate.action,
        customer=at.customer,
        outcome=ruling.outcome,
        reason=ruling.reason,
        priority=candidate.priority,
        subject=candidate.subject,
        because=candidate.because,
        measured=candidate.measured,
        prefilled=candidate.prefilled,
        causes=candidate.causes,
        risk=risk,
        risk_shares=remember.shares(several),
        value_minor=value_minor,
        rank_minor=None if risk is None else int(risk * value_minor),
        segment=choice.segment if choice else None,
        offer=choice.offer if choice else None,
        acceptance=choice.acceptance if choice else None,
        outranked_by=ruling.outranked_by,
        channel=arbiter.channel_for(candidate.action, facts),
        config_version=rules.version,
        event_at_ms=candidate.at_ms,
        decided_at_ms=at.now_ms,
        expires_at_ms=candidate.expires_at_ms,
        held_until_ms=held_until_ms,
        traceparent=proposal.traceparent,
    )


def _risks(proposal: Proposal, ruling: Ruling, facts: Facts, rules: Rules, at: Circumstances) -> dict[str, float]:
    """The risks behind a decision of retention. What a shadow trigger saw counts here, and nowhere else."""
    if proposal.family != "retention":
        return {}
    several = remember.risks(facts, at.now_ms, rules.policy)
    if ruling.outcome == "shadow" and proposal.candidate.risk:
        several[proposal.trigger] = proposal.candidate.risk
    return dict(sorted(several.items()))


def _is_offer(proposal: Proposal) -> bool:
    return ACTIONS[proposal.candidate.action].is_offer


def as_sent(decision: Decision) -> ActionSent:
    """What triggers hear of a decision that was sent."""
    return ActionSent(
        decision=decision.id,
        trigger=decision.trigger,
        action=decision.action,
        subject=decision.subject,
        causes=decision.causes,
        at_ms=decision.decided_at_ms,
    )


def failed(trigger: str, family: str, error: Exception, rules: Rules, at: Circumstances) -> Decision:
    """The record of a trigger that broke, or of the engine: the error's kind, never its text."""
    causes = (Cause(type(error).__name__, at.position),)
    identity = candidate_id(trigger, at.customer, f"failed@{at.position}", causes)
    return Decision(
        id=identity,
        candidate=identity,
        trigger=trigger,
        family=family,
        action="none",
        customer=at.customer,
        outcome="failed",
        reason=type(error).__name__,
        causes=causes,
        config_version=rules.version,
        event_at_ms=at.now_ms,
        decided_at_ms=at.now_ms,
        traceparent=at.traceparent,
    )
