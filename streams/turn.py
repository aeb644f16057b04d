"""One entry's work on one customer's record: triggers run in name order, each candidate is settled at once."""

import msgspec
from msgspec import Raw, Struct

from streams import arbiter, state
from streams.actions import ACTIONS, Decision, Outcome, candidate_id, held_id
from streams.events import Cause, Event
from streams.facts import remember_sent
from streams.journal import Tick
from streams.rules import Listener, Rules
from streams.state import Customer, Held, Proposal
from streams.trigger import ActionSent, Candidate

BRIEFS_KEPT_MAX = 8
SWITCHED_OFF = "switched_off"  # the trigger of a held candidate no longer runs
REASONS: tuple[str, ...] = (*arbiter.REASONS, SWITCHED_OFF)
_encode_state = msgspec.msgpack.Encoder().encode


class Circumstances(Struct, frozen=True):
    """Whom, when (journal time), by which journal entry, in which trace."""

    customer: str
    now_ms: int
    position: int
    traceparent: str | None


class Turn:
    """Runs triggers and settles their candidates; `decisions` grows in order."""

    def __init__(self, customer: Customer, rules: Rules, circumstances: Circumstances) -> None:
        self.customer = customer
        self.rules = rules
        self.circumstances = circumstances
        self.decisions: list[Decision] = []

    def close(self) -> Customer:
        """Stamp the record with the entry's position and its earliest due time."""
        customer = self.customer
        customer.position = self.circumstances.position
        if customer.held or customer.due:
            customer.due_ms = min([*customer.due.values(), *(held.until_ms for held in customer.held)])
        else:
            customer.due_ms = None
        return customer

    def hear(self, entry: Event | ActionSent) -> None:
        """Run every trigger that listens to this type of entry."""
        for listener in self.rules.hearing.get(type(entry), ()):
            self.run(listener, entry)

    def run(self, listener: Listener, entry: Event | ActionSent | Tick) -> None:
        """Run one trigger; if it breaks, its state stays and its candidates are void."""
        one, customer = listener.trigger, self.customer
        raw = customer.triggers.get(one.name)
        own = listener.decode(raw if raw is not None else listener.empty)
        facts = (customer.facts,) if one.with_customer else ()
        try:
            candidates = list(one.rule(entry, own, listener.parameters, *facts))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - any trigger may break in any way; the customer's others go on
            self._record(self.failure(one.name, one.family, error))
            return
        self._keep(listener, own, isinstance(entry, Tick))
        for candidate in candidates:
            self._settle(listener, candidate)

    def review_held(self) -> None:
        """Look again at what waits: the reason may be gone, or the time up."""
        for held in list(self.customer.held):
            listener = self.rules.listeners.get(held.proposal.trigger)
            if listener is None:
                ruling = arbiter.Ruling("suppressed", SWITCHED_OFF)
            else:
                ruling = self._judge(held.proposal.candidate)
            if ruling.outcome == "held" and self.circumstances.now_ms < held.until_ms:
                continue
            self.customer.held.remove(held)
            self._carry_out(held.proposal, ruling, shadow=listener is not None and listener.shadow)

    def failure(self, trigger: str, family: str, error: Exception) -> Decision:
        """The record of a trigger that broke, or of the engine: the error's kind, never its text."""
        here = self.circumstances
        causes = (Cause(type(error).__name__, here.position),)
        identity = candidate_id(trigger, here.customer, f"failed@{here.position}", causes)
        return Decision(
            id=identity,
            candidate=identity,
            trigger=trigger,
            family=family,
            action="none",
            customer=here.customer,
            outcome="failed",
            reason=type(error).__name__,
            causes=causes,
            config_version=self.rules.version,
            event_at_ms=here.now_ms,
            decided_at_ms=here.now_ms,
            traceparent=here.traceparent,
        )

    def _keep(self, listener: Listener, own: Struct, ticked: bool) -> None:  # noqa: FBT001 - one caller, named there
        customer, name, encoded = self.customer, listener.trigger.name, _encode_state(own)
        if encoded != listener.empty or name in customer.triggers:
            customer.triggers[name] = Raw(encoded)
        due_ms: int | None = getattr(own, "due_ms", None)
        if due_ms is None or (ticked and due_ms <= self.circumstances.now_ms):
            customer.due.pop(name, None)
        else:
            customer.due[name] = due_ms

    def _settle(self, listener: Listener, candidate: Candidate) -> None:
        one, here = listener.trigger, self.circumstances
        if candidate.risk is not None:
            self.customer.facts.risk, self.customer.facts.risk_at_ms = candidate.risk, here.now_ms
        identity = candidate_id(one.name, here.customer, candidate.action, candidate.causes)
        proposal = Proposal(identity, one.name, one.family, candidate, here.traceparent)
        self._carry_out(proposal, self._judge(candidate), shadow=listener.shadow)

    def _judge(self, candidate: Candidate) -> arbiter.Ruling:
        question = arbiter.Question(candidate, self.customer.facts, self.rules.policy, self.circumstances.now_ms)
        return arbiter.judge(question)

    def _carry_out(self, proposal: Proposal, ruling: arbiter.Ruling, *, shadow: bool) -> None:
        outcome: Outcome = "shadow" if shadow else ruling.outcome
        decision = self._decision(proposal, outcome, ruling)
        self._record(decision)
        if outcome == "held":
            self._hold(proposal, ruling)
        elif outcome == "sent":
            self._send(decision)

    def _hold(self, proposal: Proposal, ruling: arbiter.Ruling) -> None:
        held = self.customer.held
        until_ms = ruling.until_ms if ruling.until_ms is not None else self.circumstances.now_ms
        held.append(Held(proposal, ruling.reason or "", until_ms))
        if len(held) > self.rules.policy.held_kept_max:
            oldest = held.pop(0)
            ruling = arbiter.Ruling("suppressed", arbiter.DISPLACED)
            self._record(self._decision(oldest.proposal, "suppressed", ruling))

    def _send(self, decision: Decision) -> None:
        sent = ActionSent(
            decision=decision.id,
            trigger=decision.trigger,
            action=decision.action,
            subject=decision.subject,
            causes=decision.causes,
            at_ms=decision.decided_at_ms,
        )
        is_offer = ACTIONS[decision.action].is_offer
        remember_sent(self.customer.facts, sent, is_offer=is_offer, policy=self.rules.policy)
        self.hear(sent)

    def _record(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.customer.decisions = [*self.customer.decisions, state.brief(decision)][-BRIEFS_KEPT_MAX:]

    def _decision(self, proposal: Proposal, outcome: Outcome, ruling: arbiter.Ruling) -> Decision:
        candidate, facts, here = proposal.candidate, self.customer.facts, self.circumstances
        holding = outcome == "held" and ruling.until_ms is not None
        held_until_ms = ruling.until_ms if holding else None
        identity = held_id(proposal.id, ruling.reason or "", held_until_ms or 0) if holding else proposal.id
        is_offer = ACTIONS[candidate.action].is_offer
        return Decision(
            id=identity,
            candidate=proposal.id,
            trigger=proposal.trigger,
            family=proposal.family,
            action=candidate.action,
            customer=here.customer,
            outcome=outcome,
            reason=ruling.reason,
            priority=candidate.priority,
            subject=candidate.subject,
            because=candidate.because,
            measured=candidate.measured,
            causes=candidate.causes,
            risk=candidate.risk,
            value_minor=facts.value_minor,
            rank_minor=None if candidate.risk is None else int(candidate.risk * facts.value_minor),
            channel=arbiter.channel_for(candidate.action, facts) if is_offer else None,
            config_version=self.rules.version,
            event_at_ms=candidate.at_ms,
            decided_at_ms=here.now_ms,
            expires_at_ms=candidate.expires_at_ms,
            held_until_ms=held_until_ms,
            traceparent=proposal.traceparent,
        )
