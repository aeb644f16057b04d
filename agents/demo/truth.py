"""What should have been decided on generated data, and how far a run's decisions agree with it."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from streams.actions import Decision
from streams.topics import DAY_MS
from streams.trigger import load

TOLERANCE_MS = 4 * DAY_MS  # a drop is decided once its legs are known, up to some days after the money left
ALL_ACTIONS = "all"
Kind = Literal["plant", "near_miss"]


class Case(Struct, frozen=True, kw_only=True):
    """One planted situation.

    Attributes:
        action: what must be proposed; for a near miss: what a careless rule would propose.
        kind: a plant must be answered by one proposal, a near miss by none.
        at_ms: event time of what completes the situation.
        events: ids of the events that make it up, those of one account or card in the order of their time.
        note: what is special about it, the same words for the same kind of case.
    """

    trigger: str
    action: str
    customer: str
    kind: Kind
    at_ms: int
    events: tuple[str, ...]
    note: str


class Truth(Struct, frozen=True, kw_only=True):
    """The labels of one generated set."""

    seed: int
    customers: int
    cases: tuple[Case, ...]


class Row(Struct, frozen=True, kw_only=True):
    """Agreement for one trigger and action, or for all actions of a trigger (`action` is then "all").

    Attributes:
        repeated: further proposals about a case that was found already.
        precision: share of the proposals that meet a plant, None where nothing was proposed.
        recall: share of the plants that were found, None where nothing was planted.
    """

    trigger: str
    action: str
    planted: int
    found: int
    missed: int
    repeated: int
    false_alarms: int
    precision: float | None
    recall: float | None


class Score(Struct, frozen=True):
    """The rows, sorted by trigger and action, and the disagreements one by one for printing."""

    rows: tuple[Row, ...]
    missed: tuple[Case, ...]
    false_alarms: tuple[Decision, ...]


def score(truth: Truth, decisions: Iterable[Decision]) -> Score:
    """Compare what the triggers proposed with the plants, whatever the arbiter made of it; a candidate counts once."""
    plants = [case for case in truth.cases if case.kind == "plant"]
    proposed = {one.candidate: one for one in decisions if is_proposal(one)}
    index: dict[tuple[str, str, str], list[int]] = {}
    for position, case in enumerate(plants):
        index.setdefault((case.trigger, case.action, case.customer), []).append(position)
    found: set[int] = set()
    matched: list[Decision] = []
    false_alarms: list[Decision] = []
    for one in proposed.values():
        near = index.get((one.trigger, one.action, one.customer), [])
        hits = [position for position in near if _meets(one, plants[position])]
        found.update(hits[:1])
        (matched if hits else false_alarms).append(one)
    missed = tuple(case for position, case in enumerate(plants) if position not in found)
    return Score(_rows(plants, missed, matched, false_alarms), missed, tuple(false_alarms))


def is_proposal(decision: Decision) -> bool:
    """Whether the trigger wanted this done: it broke down neither itself nor for a reason of its own."""
    one = load().get(decision.trigger)
    return one is not None and decision.outcome != "failed" and decision.reason not in one.quiet


def near_miss_of(truth: Truth, decision: Decision) -> Case | None:
    """The near miss that a false alarm fell for, if it is one of the planted ones."""
    same = (case for case in truth.cases if (case.customer, case.trigger) == (decision.customer, decision.trigger))
    return next((case for case in same if case.kind == "near_miss"), None)


def _meets(decision: Decision, case: Case) -> bool:
    """A fraud decision names the purchase; any other is told by its time."""
    transaction = decision.subject.get("transaction")
    if transaction is not None:
        return transaction in case.events
    return abs(decision.event_at_ms - case.at_ms) <= TOLERANCE_MS


def _rows(
    plants: list[Case], missed: tuple[Case, ...], matched: list[Decision], false_alarms: list[Decision]
) -> tuple[Row, ...]:
    named = {(one.trigger, one.action) for part in (plants, matched, false_alarms) for one in part}
    keys = sorted(named | {(trigger, ALL_ACTIONS) for trigger, _ in named})
    return tuple(_row(key, *(_count(part, key) for part in (plants, missed, matched, false_alarms))) for key in keys)


def _count(part: Iterable[Case | Decision], key: tuple[str, str]) -> int:
    trigger, action = key
    return sum(one.trigger == trigger and action in (one.action, ALL_ACTIONS) for one in part)


def _row(key: tuple[str, str], planted: int, missed: int, matched: int, false_alarms: int) -> Row:
    found = planted - missed
    return Row(
        trigger=key[0],
        action=key[1],
        planted=planted,
        found=found,
        missed=missed,
        repeated=matched - found,
        false_alarms=false_alarms,
        precision=matched / (matched + false_alarms) if matched + false_alarms else None,
        recall=found / planted if planted else None,
    )
