"""Where decisions and labels disagree, each in one line: which events, what was planted, what was said instead."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from agents.demo import truth
from agents.demo.truth import TOLERANCE_MS, Case, Score, Truth
from streams.actions import Decision

_NEAR_MS = 10 * TOLERANCE_MS


def told(labels: Truth, score: Score, decisions: Iterable[Decision]) -> Iterator[str]:
    """Every case that was missed, and every false alarm, of one data set."""
    kept = list(decisions)
    for case in score.missed:
        yield f"seed {labels.seed}, missed: {_missed(case, kept)}"
    for one in score.false_alarms:
        yield f"seed {labels.seed}, false alarm: {_false_alarm(labels, one)}"


def _missed(case: Case, decisions: list[Decision]) -> str:
    """What the trigger said of this customer about that time, if it spoke at all."""
    own = [one for one in decisions if (one.trigger, one.customer) == (case.trigger, case.customer)]
    near = sorted(
        (one for one in own if abs(one.event_at_ms - case.at_ms) <= _NEAR_MS),
        key=lambda one: (abs(one.event_at_ms - case.at_ms), one.id),
    )
    what = f"{case.trigger} {case.action} for {case.customer} ({case.note}), due {day(case.at_ms)}"
    said = _said(near[0]) if near else "the trigger said nothing"
    return f"{what}, events {', '.join(case.events)}; {said}"


def _said(one: Decision) -> str:
    outcome = one.outcome if one.reason is None else f"{one.outcome}, {one.reason}"
    return f"it said {one.action} ({outcome}) of {day(one.event_at_ms)}: {one.because}"


def _false_alarm(labels: Truth, one: Decision) -> str:
    near = truth.near_miss_of(labels, one)
    why = f"fell for the near miss {near.note}" if near else _situation(labels, one.customer)
    causes = ", ".join(cause.event for cause in one.causes)
    what = f"{one.trigger} {one.action} for {one.customer} of {day(one.event_at_ms)}"
    return f"{what}, events {causes} ({why}): {one.because}"


def _situation(labels: Truth, customer: str) -> str:
    """What was planted for that customer, if anything."""
    own = [case for case in labels.cases if case.customer == customer]
    return f"has {own[0].trigger} {own[0].note} planted" if own else "nothing is planted"


def day(at_ms: int) -> str:
    """The date in UTC, as ISO 8601."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
