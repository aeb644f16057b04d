"""What is told of a decision is what was decided: over every scenario, the arbiter's steps lead to the outcome."""

from typing import Any

import pytest

from agents.why.history import Asked, History, Step
from streams import arbiter, turn
from streams.actions import ACTIONS, Decision
from streams.journal import EventEntry
from streams.partition import JournalRecord
from tests.core import scenario

OBJECTIONS = [one.__name__ for one in arbiter.FOR_OFFERS]
AFTER_THE_OBJECTIONS = {arbiter.DISPLACED, arbiter.OUTRANKED, arbiter.HOLD_OUT, turn.SWITCHED_OFF}


def history_of(case: scenario.Case) -> History:
    entries = scenario.journal(case)
    names = {entry.event.customer for entry in entries if isinstance(entry, EventEntry)}
    history = History(0, names.pop())
    assert not names, "a scenario is about one customer"
    for offset, entry in enumerate(entries):
        history.take(JournalRecord(offset, entry))
    return history


def decided(history: History) -> list[tuple[Asked, Decision]]:
    return [(one, one.decision) for one in history.asked if one.decision is not None]


@pytest.mark.parametrize("case", scenario.all_cases())
def test_the_steps_lead_to_what_was_decided_and_watching_changes_nothing(case: Any) -> None:
    history, world = history_of(case), scenario.World()
    told = decided(history)
    made = world.take(scenario.journal(case))
    assert sorted(one.id for _, one in told) == sorted(one.id for one in made)
    assert history.state == world.kept.get(history.customer.encode())
    for asked, decision in told:
        *before, last = asked.steps or [None]
        assert all(step is not None and step.outcome is None for step in before), "no step after the one that counted"
        if decision.reason is None or decision.reason in AFTER_THE_OBJECTIONS or last is None:
            assert last is None or last.outcome is None
        else:
            assert last.reason == decision.reason
            assert last.outcome == decision.outcome
            assert decision.held_until_ms == last.until_ms


def named(name: str) -> scenario.Case:
    return next(one.values[0] for one in scenario.all_cases() if one.values[0].name == name)


def test_an_offer_that_waits_for_an_answer_is_asked_again_when_it_comes() -> None:
    history = history_of(named("an open fraud check holds an offer back, the cardholder's answer lets it go"))
    first, then = [one for one, decision in decided(history) if decision.action == "adviser_call"]
    assert [step.objection for step in first.steps] == OBJECTIONS[: OBJECTIONS.index("fraud_check_open") + 1]
    assert [step.objection for step in then.steps] == OBJECTIONS
    assert (first.by, then.by) == ("tick", "event")
    assert first.candidate == then.candidate
    assert first.steps[-1].until_ms is not None
    assert first.at_ms < then.at_ms < first.steps[-1].until_ms
    checks = [one for one, decision in decided(history) if ACTIONS[decision.action].purpose == "fraud"]
    assert [[step.objection for step in one.steps] for one in checks] == [["too_late", "runaway"]] * 2


def test_a_trigger_that_is_silent_for_its_own_reason_is_asked_nothing_else() -> None:
    history = history_of(named("a merchant where the card bought before is known"))
    own = [one for one, decision in decided(history) if decision.outcome == "suppressed"]
    assert [[step.objection for step in one.steps] for one in own] == [[arbiter.OWN_REASON]]


def test_a_candidate_decided_twice_at_one_entry_has_each_decision_with_its_own_question() -> None:
    history = History(0, "c")
    common: dict[str, Any] = {"candidate": "x", "trigger": "t", "action": "clear", "position": 1, "by": "tick"}
    held = Asked(**common, at_ms=5, steps=[Step("quiet_hours", "held", "quiet_hours", 9)])
    passed = Asked(**common, at_ms=5, steps=[Step("quiet_hours")])
    history._open = [held, passed]
    plain: dict[str, Any] = {"family": "retention", "customer": "c", "config_version": "v", "event_at_ms": 5}
    plain |= {"candidate": "x", "trigger": "t", "action": "clear", "decided_at_ms": 5}
    first = history._asked_for(Decision(id="y", outcome="held", reason="quiet_hours", held_until_ms=9, **plain))
    then = history._asked_for(Decision(id="x", outcome="sent", **plain))
    assert (first, then) == (held, passed)
    assert history._open == []
    alone = history._asked_for(Decision(id="x", outcome="failed", reason="KeyError", **plain))
    assert (alone.steps, alone.at_ms) == ([], 5)
