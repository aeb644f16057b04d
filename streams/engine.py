"""One entry, one customer: `(state, entry, rules) -> (state, decisions)`, a pure function over bytes.

The record is decoded afresh for each entry, so a failure leaves the old one as it was, and a restart between any two
entries changes nothing.

A customer's time never runs backwards: it is the latest of the ticks and of the customer's own events so far. Triggers
judge an event by its own time, however late it comes, and a tick by what it says; the arbiter decides at the
customer's time. The intake lets no event be more than a day ahead of its record: by so much at most does a source with
a wrong clock end this one customer's waits too early.
"""

from msgspec import Struct

from streams import state
from streams.actions import Decision
from streams.beside import Shadows
from streams.events import Event
from streams.journal import Tick
from streams.record import NOT_THE_ENTRYS, Circumstances
from streams.remember import remember_event
from streams.rules import Rules
from streams.state import Customer
from streams.turn import Turn, Witness


class Outcomes(Struct):
    """What an entry did to a customer: the new blob, its earliest due time, and the decisions in order.

    `shadow_due_ms` is the earliest due time of its shadow sets, if they ran.
    """

    blob: bytes | None
    due_ms: int | None
    decisions: list[Decision]
    repeated: bool = False
    shadow_due_ms: int | None = None


def on_event(  # noqa: PLR0913 - the last is for who explains, not for who decides
    blob: bytes | None,
    event: Event,
    clock_ms: int,
    rules: Rules,
    traceparent: str | None,
    *,
    witness: Witness | None = None,
) -> Outcomes:
    """A customer's event. `clock_ms` is the partition's last tick; `event.position` is set.

    An event whose id is among the customer's latest is a repeat: nothing changes.
    """
    customer = state.decode(blob) if blob else Customer()
    if not state.note_event(customer, event.id, rules.policy.event_ids_kept_max):
        return Outcomes(blob, customer.due_ms, [], repeated=True)
    now_ms = max(clock_ms, event.at_ms, customer.now_ms)
    turn = Turn(customer, rules, Circumstances(event.customer, now_ms, clock_ms, event.position, traceparent), witness)
    try:
        remember_event(customer.facts, event, rules.policy)
        turn.hear(event)
        return _outcomes(turn)
    except NOT_THE_ENTRYS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the entry failed and the partition goes on
        return _failed(turn, blob, error)


def on_due(  # noqa: PLR0913 - as above
    blob: bytes, name: str, tick: Tick, position: int, rules: Rules, *, witness: Witness | None = None
) -> Outcomes:
    """A tick has passed the customer's due time. `name` is the customer's, `position` the tick's journal offset."""
    customer = state.decode(blob)
    now_ms = max(tick.at_ms, customer.now_ms)
    turn = Turn(customer, rules, Circumstances(name, now_ms, tick.at_ms, position, None), witness)

    try:
        for waiting in [one for one, due_ms in customer.due.items() if due_ms <= tick.at_ms]:
            del customer.due[waiting]  # a trigger that doesn't move on must not fire at every tick
            if listener := rules.listeners.get(waiting):
                turn.due(listener, tick)
        return _outcomes(turn)
    except NOT_THE_ENTRYS:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return _failed(turn, _without_due(blob), error)


def on_shadow_due(blob: bytes, name: str, tick: Tick, position: int, rules: Rules) -> Outcomes:
    """A tick has passed the due time of one of the customer's shadow sets: only those run."""
    customer = state.decode(blob)
    now_ms = max(tick.at_ms, customer.now_ms)
    shadows = Shadows(customer, rules, Circumstances(name, now_ms, tick.at_ms, position, None))
    shadows.fire(tick)
    due_ms = shadows.close()
    return Outcomes(state.encode(customer), customer.due_ms, shadows.decisions, shadow_due_ms=due_ms)


def _outcomes(turn: Turn) -> Outcomes:
    """What came of a turn whose triggers have run."""
    if turn.customer.held:
        turn.review_held()
    customer = turn.close()
    return Outcomes(state.encode(customer), customer.due_ms, turn.decisions, shadow_due_ms=turn.shadow_due_ms)


def _failed(turn: Turn, kept: bytes | None, error: Exception) -> Outcomes:
    """The entry came to nothing: the record stays as `kept`, and the failure is told."""
    due_ms = state.decode_header(kept).due_ms if kept else None
    return Outcomes(kept, due_ms, [turn.failure("engine", "engine", error)])


def _without_due(blob: bytes) -> bytes:
    """The old record without due times: what failed at one tick must not fail again at every tick."""
    customer = state.decode(blob)
    customer.due, customer.due_ms = {}, None
    return state.encode(customer)
