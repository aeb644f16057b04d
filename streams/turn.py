"""One entry's work on one customer's record: triggers run in name order, then what they propose is settled.

Fraud checks, service messages and care are settled at once. Offers wait until they have been collected, and then
compete: the best one is sent.
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from streams import arbiter, draw, record, remember, state
from streams.actions import ACTIONS, Decision, candidate_id
from streams.arbiter import Question, Ruling
from streams.beside import Shadows
from streams.competition import choose
from streams.events import Event
from streams.facts import Contact
from streams.journal import Tick
from streams.record import Circumstances
from streams.rules import Listener, Rules
from streams.state import Customer, Held, Proposal
from streams.trigger import ActionSent, Candidate, milliseconds

BRIEFS_KEPT_MAX = 8
COLLECTING = "collecting"  # it waits for others to compete with; no decision is published for that
PASSES_MAX = 4  # what is sent may make a trigger propose again; whoever is still not done waits for the next entry
SWITCHED_OFF = "switched_off"  # the trigger of a held candidate no longer runs
REASONS: tuple[str, ...] = (*arbiter.REASONS, SWITCHED_OFF)
Witness = Callable[[Proposal, Question], object]  # hears of each question as it is put to the arbiter; changes nothing
_encode_state = msgspec.msgpack.Encoder().encode


class Turn:
    """Runs triggers and settles their candidates; `decisions` grows in order.

    `shadow_due_ms` is when the customer's shadow sets are due, if they ran.
    """

    shadow_due_ms: int | None = None
    _shadows: Shadows | None = None

    def __init__(
        self, customer: Customer, rules: Rules, circumstances: Circumstances, witness: Witness | None = None
    ) -> None:
        self.customer = customer
        self.rules = rules
        self.circumstances = circumstances
        self.decisions: list[Decision] = []
        self._witness = witness

    def close(self) -> Customer:
        """Stamp the record with the entry's position, its time and the earliest due time."""
        customer = self.customer
        if self._shadows is not None:
            self.shadow_due_ms = self._shadows.close()
            self.decisions += self._shadows.decisions
        elif customer.beside and not self.rules.shadow_sets:
            customer.beside = b""
        customer.position, customer.now_ms = self.circumstances.position, self.circumstances.now_ms
        customer.due_ms = min(customer.due.values()) if customer.due else None
        for held in customer.held:
            customer.due_ms = held.until_ms if customer.due_ms is None else min(customer.due_ms, held.until_ms)
        return customer

    def hear(self, entry: Event | ActionSent) -> None:
        """Run every trigger that listens to this type of entry and heeds this one."""
        for listener in self.rules.hearing.get(type(entry), ()):
            heeds = listener.trigger.heeds
            if heeds is None or heeds(entry):
                if listener.beside is not None:
                    self._shadow().run(listener, listener.beside, entry)
                self.run(listener, entry)

    def due(self, listener: Listener, tick: Tick) -> None:
        """A tick has passed a trigger's due time. A shadow set that hasn't seen the customer begins with it, too."""
        if listener.beside is not None and not self._shadow().has_begun(listener):
            self._shadow().run(listener, listener.beside, tick)
        self.run(listener, tick)

    def run(self, listener: Listener, entry: Event | ActionSent | Tick) -> None:
        """Run one trigger; if it breaks, its state stays and its candidates are void."""
        one, customer = listener.trigger, self.customer
        raw = customer.triggers.get(one.name)
        own = listener.decode(raw if raw is not None else listener.empty)
        facts = (customer.facts,) if one.with_customer else ()
        try:
            candidates = list(one.rule(entry, own, listener.parameters, *facts))
        except record.NOT_THE_ENTRYS:
            raise
        except Exception as error:  # noqa: BLE001 - any trigger may break in any way; the customer's others go on
            self._record(self.failure(one.name, one.family, error))
            return
        self._keep(listener, own, entry.at_ms if isinstance(entry, Tick) else None)
        for candidate in candidates:
            self._settle(listener, candidate)

    def review_held(self) -> None:
        """Look again at what waits: the reason may be gone, or the time up. Of those that may go, one does."""
        for _ in range(PASSES_MAX):
            if not self.customer.held or not (ready := self._ready()):
                break
            for proposal, ruling in self._compete(ready):
                self._carry_out(proposal, ruling)

    def failure(self, trigger: str, family: str, error: Exception) -> Decision:
        """The record of a trigger that broke, or of the engine."""
        return record.failed(trigger, family, error, self.rules, self.circumstances)

    def _shadow(self) -> Shadows:
        if self._shadows is None:
            self._shadows = Shadows(self.customer, self.rules, self.circumstances)
        return self._shadows

    def _keep(self, listener: Listener, own: Struct, ticked_ms: int | None) -> None:
        customer, name, encoded = self.customer, listener.trigger.name, _encode_state(own)
        if encoded != listener.empty or name in customer.triggers:
            customer.triggers[name] = encoded
        due_ms: int | None = getattr(own, "due_ms", None)
        if due_ms is None or (ticked_ms is not None and due_ms <= ticked_ms):
            customer.due.pop(name, None)
        else:
            customer.due[name] = due_ms

    def _settle(self, listener: Listener, candidate: Candidate) -> None:
        one, at, policy = listener.trigger, self.circumstances, self.rules.policy
        if candidate.risk is not None and not listener.shadow:
            remember.remember_signal(self.customer.facts, remember.source_of(one), candidate.risk, at.now_ms, policy)
        identity = candidate_id(one.name, at.customer, candidate.action, candidate.causes)
        if identity in self._known():
            return  # the same of the same causes: events of other topics came late
        proposal = Proposal(identity, one.name, one.family, candidate, at.traceparent)
        ruling = self._judge(proposal)
        if ACTIONS[candidate.action].is_offer and ruling.outcome == "sent":
            self._hold(proposal, Ruling("held", COLLECTING, at.now_ms + milliseconds(policy.collect_for)))
        else:
            self._carry_out(proposal, ruling)

    def _known(self) -> set[str]:
        """Candidates of this customer that wait or were decided lately."""
        customer = self.customer
        return {held.proposal.id for held in customer.held} | {one.id for one in customer.decisions}

    def _judge(self, proposal: Proposal) -> Ruling:
        at, facts, policy = self.circumstances, self.customer.facts, self.rules.policy
        whom = (proposal.candidate, proposal.trigger, at.customer)
        times, is_runaway = (at.now_ms, at.ticked_ms, proposal.held_since_ms), proposal.trigger in self.rules.held
        question = Question(*whom, facts, policy, *times, is_runaway)
        if self._witness is not None:
            self._witness(proposal, question)
        return arbiter.judge(question)

    def _ready(self) -> list[tuple[Proposal, Ruling]]:
        """What no longer waits for the same reason, taken out of what is held, with its ruling."""
        ready, waiting, now_ms = [], [], self.circumstances.now_ms
        for held in self.customer.held:
            is_off = held.proposal.trigger not in self.rules.listeners
            ruling = arbiter.suppressed(SWITCHED_OFF) if is_off else self._judge(held.proposal)
            is_same = ruling.outcome == "held" and ruling.reason == held.reason
            is_collected = held.reason == COLLECTING and ruling.outcome == "sent"
            if now_ms < held.until_ms and (is_same or is_collected):
                waiting.append(held)
            else:
                ready.append((held.proposal, ruling))
        self.customer.held = waiting
        return ready

    def _compete(self, ready: list[tuple[Proposal, Ruling]]) -> list[tuple[Proposal, Ruling]]:
        """Of the offers that may be sent only the best is; the others know by which."""
        offers = [one for one, ruling in ready if ruling is arbiter.SENT and self._is_live_offer(one)]
        if not offers:
            return ready
        best = max(offers, key=self._worth)
        lost = arbiter.suppressed(arbiter.OUTRANKED, outranked_by=best.id)
        losers = {one.id for one in offers if one is not best}
        return [(one, lost if one.id in losers else ruling) for one, ruling in ready]

    def _is_live_offer(self, proposal: Proposal) -> bool:
        return ACTIONS[proposal.candidate.action].is_offer and not self.rules.listeners[proposal.trigger].shadow

    def _worth(self, proposal: Proposal) -> tuple[float, float, str]:
        """What a candidate competes by: the worth of its best offer; then its own risk, then its name."""
        facts, policy = self.customer.facts, self.rules.policy
        several = remember.risks(facts, self.circumstances.now_ms, policy)
        choice = choose(proposal, several, facts, policy)
        return choice.worth_minor, proposal.candidate.risk or 0.0, proposal.id

    def _carry_out(self, proposal: Proposal, ruling: Ruling) -> None:
        listener = self.rules.listeners.get(proposal.trigger)
        if listener is not None and listener.shadow:
            ruling = replace(ruling, outcome="shadow")
        is_contact = ruling.outcome == "sent" and ACTIONS[proposal.candidate.action].is_offer
        percent = self.rules.policy.hold_out_percent
        is_held_out = is_contact and draw.is_held_out(self.circumstances.customer, proposal.trigger, percent)
        if is_held_out:
            ruling = arbiter.suppressed(arbiter.HOLD_OUT)
        decision = self._put_down(proposal, ruling)
        if is_contact:
            self._remember_contact(decision, is_held_out=is_held_out)
        if ruling.outcome == "held":
            self._hold(proposal, ruling)
        elif ruling.outcome == "sent":
            self._send(decision)

    def _put_down(self, proposal: Proposal, ruling: Ruling) -> Decision:
        decision = record.decided(proposal, ruling, self.customer.facts, self.rules, self.circumstances)
        self._record(decision)
        return decision

    def _remember_contact(self, decision: Decision, *, is_held_out: bool) -> None:
        contact = Contact(
            at_ms=decision.decided_at_ms,
            trigger=decision.trigger,
            action=decision.action,
            decision=decision.id,
            offer=decision.offer,
            is_held_out=is_held_out,
        )
        remember.remember_contact(self.customer.facts, contact, self.rules.policy)

    def _hold(self, proposal: Proposal, ruling: Ruling) -> None:
        held, now_ms = self.customer.held, self.circumstances.now_ms
        until_ms = ruling.until_ms if ruling.until_ms is not None else now_ms
        if proposal.held_since_ms is None:
            proposal.held_since_ms = now_ms
        held.append(Held(proposal, ruling.reason or "", until_ms))
        if len(held) > self.rules.policy.held_kept_max:
            self._put_down(held.pop(0).proposal, arbiter.suppressed(arbiter.DISPLACED))

    def _send(self, decision: Decision) -> None:
        sent = record.as_sent(decision)
        remember.remember_sent(self.customer.facts, sent, self.rules.policy)
        self.hear(sent)

    def _record(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.customer.decisions = [*self.customer.decisions, state.brief(decision)][-BRIEFS_KEPT_MAX:]
