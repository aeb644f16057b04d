"""Parameters tried out beside the live ones: a trigger's shadow set, run on a sub-state of its own.

It sees what the live set sees, before that one sees it, and proposes to nobody: each candidate becomes a decision with
the outcome `shadow` and, as reason, what the arbiter would have said just then. It changes no fact, no contact, no
other candidate, no due time of the live ones: with and without it they are the same, byte for byte.

What its trigger sends live, a set doesn't hear; it hears, as if sent, what the arbiter has nothing against of its own.
A set begins, customer by customer, with a copy of the live sub-state, and anew with each change of its parameters.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from streams import arbiter, record, remember
from streams.actions import Decision, candidate_id, shadow_id
from streams.arbiter import Question
from streams.events import Event
from streams.facts import Facts
from streams.journal import Tick
from streams.record import Circumstances
from streams.rules import Listener, Rules, ShadowSet
from streams.state import Customer, Proposal
from streams.trigger import ActionSent, Candidate

KNOWN_KEPT_MAX = 8


class Own(Struct, array_like=True):
    """What one shadow set has of a customer: the set's name, its encoded sub-state, when it is due."""

    name: str
    state: bytes
    due_ms: int | None = None


class Beside(Struct, array_like=True):
    """What all shadow sets have of a customer, by trigger; `known` are the latest candidates' ids."""

    own: dict[str, Own] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Beside).decode
_decode_facts = msgspec.msgpack.Decoder(Facts).decode


def due_ms(stored: bytes, rules: Rules) -> int | None:
    """When the first of the sets that run now is due, by what is stored of a customer; None if none is."""
    return _earliest(_current(_decode(stored), rules).values()) if stored else None


class Shadows:
    """Runs a customer's shadow sets during one entry; `decisions` grows in order."""

    def __init__(self, customer: Customer, rules: Rules, circumstances: Circumstances) -> None:
        stored = _decode(customer.beside) if customer.beside else Beside()
        self.decisions: list[Decision] = []
        self._customer = customer
        self._rules = rules
        self._circumstances = circumstances
        self._own = _current(stored, rules)
        self._known = stored.known

    def close(self) -> int | None:
        """Put what they have into the customer's record; returns when the first of them is due."""
        self._customer.beside = _encode(Beside(self._own, self._known[-KNOWN_KEPT_MAX:]))
        return _earliest(self._own.values())

    def has_begun(self, listener: Listener) -> bool:
        """Whether a trigger's set has seen this customer."""
        return listener.trigger.name in self._own

    def fire(self, tick: Tick) -> None:
        """Run the sets that this tick makes due."""
        for name, own in sorted(self._own.items()):
            if own.due_ms is not None and own.due_ms <= tick.at_ms:
                own.due_ms = None  # as with live ones: who doesn't move on must not fire at every tick
                listener = self._rules.listeners[name]
                if listener.beside is not None:
                    self.run(listener, listener.beside, tick)

    def run(self, listener: Listener, chosen: ShadowSet, entry: Event | ActionSent | Tick) -> None:
        """Run one set; if it breaks, that is told, and the live ones go on."""
        if isinstance(entry, ActionSent) and entry.trigger == listener.trigger.name:
            return
        try:
            self._run(listener, chosen, entry)
        except record.NOT_THE_ENTRYS:
            raise
        except Exception as error:  # noqa: BLE001 - any trigger may break in any way
            one = listener.trigger
            self._note(record.failed(one.name, one.family, error, self._rules, self._circumstances))

    def _run(self, listener: Listener, chosen: ShadowSet, entry: Event | ActionSent | Tick) -> None:
        one, customer = listener.trigger, self._customer
        before = self._own.get(one.name)
        state = listener.decode(before.state if before else customer.triggers.get(one.name, listener.empty))
        facts = (customer.facts,) if one.with_customer else ()
        candidates = list(one.rule(entry, state, chosen.parameters, *facts))
        due: int | None = getattr(state, "due_ms", None)
        is_past = due is not None and isinstance(entry, Tick) and due <= entry.at_ms
        self._own[one.name] = Own(chosen.name, _encode(state), None if is_past else due)
        for candidate in candidates:
            self._settle(listener, chosen, candidate)

    def _settle(self, listener: Listener, chosen: ShadowSet, candidate: Candidate) -> None:
        one, at, policy = listener.trigger, self._circumstances, self._rules.policy
        identity = candidate_id(one.name, at.customer, candidate.action, candidate.causes)
        if identity in self._known:
            return  # the same of the same causes
        self._known.append(identity)
        facts = self._as_if(listener, candidate)
        proposal = Proposal(identity, one.name, one.family, candidate, at.traceparent)
        whom = (candidate, one.name, at.customer)
        ruling = arbiter.judge(Question(*whom, facts, policy, at.now_ms, at.ticked_ms))
        decision = record.decided(proposal, replace(ruling, outcome="shadow"), facts, self._rules, at)
        self._note(decision)
        heeds = one.heeds or (lambda _: True)
        if ruling is arbiter.SENT and ActionSent in one.on and heeds(sent := record.as_sent(decision)):
            self._run(listener, chosen, sent)

    def _as_if(self, listener: Listener, candidate: Candidate) -> Facts:
        """A copy of the facts, with the risk that the candidate saw."""
        known = self._customer.facts
        known.pack()
        facts = _decode_facts(_encode(known))
        if candidate.risk is not None:
            remember.remember_signal(
                facts,
                remember.source_of(listener.trigger),
                candidate.risk,
                self._circumstances.now_ms,
                self._rules.policy,
            )
        return facts

    def _note(self, decision: Decision) -> None:
        named = replace(decision, id=shadow_id(decision.id), outcome="shadow", parameter_set="shadow")
        self.decisions.append(named)


def _current(stored: Beside, rules: Rules) -> dict[str, Own]:
    """What the sets have that run now; of others, or of other parameters, nothing is kept."""
    return {name: own for name, own in stored.own.items() if rules.shadow_sets.get(name) == own.name}


def _earliest(several: Iterable[Own]) -> int | None:
    return min((own.due_ms for own in several if own.due_ms is not None), default=None)
