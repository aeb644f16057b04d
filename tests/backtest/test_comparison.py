"""What two sides decide, matched: nothing is counted twice or forgotten, and each difference says what it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.backtest.comparison import EXAMPLES_MAX, NO_CANDIDATE, Comparison, Day, Difference
from streams.actions import Decision
from streams.events import Cause
from streams.topics import DAY_MS

HOUR_MS = 3_600_000


def decision(name: str, outcome: str = "sent", **more: Any) -> Decision:
    given_fields = {
        "id": name,
        "candidate": name,
        "trigger": "lapsed",
        "family": "retention",
        "action": "why_survey",
        "customer": "anna",
        "outcome": outcome,
        "causes": (Cause(f"event-{name}", 1),),
        "config_version": "v",
        "event_at_ms": 0,
        "decided_at_ms": 0,
    }
    return Decision(**(given_fields | more))


def compared(old: list[Decision], new: list[Decision]) -> dict[str, Difference]:
    comparison = Comparison()
    for one in old:
        comparison.take("old", one)
    for one in new:
        comparison.take("new", one)
    return comparison.close()


def only(old: list[Decision], new: list[Decision]) -> Difference:
    [difference] = compared(old, new).values()
    return difference


@st.composite
def decided(draw: st.DrawFn) -> list[Decision]:
    """One side's decisions: each candidate settles once, some after they were held."""
    found = []
    for name in draw(st.lists(st.integers(0, 9), unique=True)):
        outcome = draw(st.sampled_from(["sent", "suppressed", "shadow", "failed"]))
        more = {
            "trigger": f"trigger-{name % 3}",
            "customer": f"customer-{name % 2}",
            "causes": (Cause(f"event-{name % 4}", 1),),
            "decided_at_ms": draw(st.integers(0, 3)) * DAY_MS,
            "channel": draw(st.sampled_from(["email", "phone"])),
        }
        reason = None if outcome == "sent" else draw(st.sampled_from(["outranked", "caps"]))
        if draw(st.booleans()):
            found.append(decision(f"{name}-held", "held", **(more | {"candidate": str(name)})))
        found.append(decision(str(name), outcome, **more, reason=reason))
    return found


@given(decided(), decided())
def test_each_sent_decision_counts_once_and_sides_can_be_swapped(old: list[Decision], new: list[Decision]) -> None:
    found, swapped = compared(old, new), compared(new, old)
    for trigger in {one.trigger for one in (*old, *new)}:
        total, other = (side.get(trigger, Difference()) for side in (found, swapped))
        sent = [sum(one.trigger == trigger and one.outcome == "sent" for one in side) for side in (old, new)]
        counts = total.total
        assert counts.unchanged + counts.changed + counts.lost == sent[0]
        assert counts.unchanged + counts.changed + counts.gained == sent[1]
        assert total.lost_to.total() == counts.lost
        assert total.gained_from.total() == counts.gained
        assert other.total == Day(counts.unchanged, counts.changed, counts.lost, counts.gained)
        assert other.lost_to == total.gained_from


@given(decided(), st.randoms(use_true_random=False))
def test_a_side_against_itself_has_no_difference(side: list[Decision], random: Any) -> None:
    again = list(side)
    random.shuffle(again)
    for one in compared(side, again).values():
        assert (one.total.changed, one.total.gained, one.total.lost) == (0, 0, 0)
        assert [one.changed_in, one.lost_to, one.gained_from] == [{}, {}, {}]
        assert [one.gained, one.lost, one.changed] == [[], [], []]


@pytest.mark.parametrize(
    ("more", "what", "otherwise"),
    [
        ({"decided_at_ms": 36 * HOUR_MS}, "time", "36.0 h later"),
        ({"channel": "phone"}, "channel", "channel phone"),
        ({"offer": "gift"}, "offer", "offer gift"),
    ],
)
def test_what_both_send_otherwise_has_changed(more: dict[str, Any], what: str, otherwise: str) -> None:
    found = only([decision("a")], [decision("a", **more)])
    assert found.total == Day(changed=1)
    assert dict(found.changed_in) == {what: 1}
    assert found.changed[0].otherwise == otherwise


def test_other_ids_on_the_same_occasion_are_one_changed_decision() -> None:
    cause = {"causes": (Cause("purchase", 1),)}
    found = only([decision("a", **cause)], [decision("b", action="cash_back_offer", **cause)])
    assert (found.total, dict(found.changed_in)) == (Day(changed=1), {"action": 1})
    found = only([decision("a", **cause)], [decision("b", **cause)])
    assert (found.total, dict(found.changed_in)) == (Day(changed=1), {"causes": 1})


def test_of_several_on_one_occasion_those_that_were_sent_are_matched_first() -> None:
    cause = {"causes": (Cause("purchase", 1),)}
    silent = decision("a", "suppressed", reason="caps", **cause)
    sent = [decision("b", action="escalate", **cause)], [decision("c", **cause)]
    assert only([silent, *sent[0]], sent[1]).total == only(sent[1], [silent, *sent[0]]).total == Day(changed=1)


def test_another_customers_decision_on_such_an_event_is_another() -> None:
    cause = {"causes": (Cause("purchase", 1),)}
    found = only([decision("a", **cause)], [decision("b", customer="ben", **cause)])
    assert found.total == Day(gained=1, lost=1)


def test_what_the_other_side_made_of_it_is_the_reason() -> None:
    old = [decision("a"), decision("b", "suppressed", reason="caps"), decision("c")]
    new = [decision("a", "suppressed", reason="outranked"), decision("b")]
    found = only(old, new)
    assert found.total == Day(gained=1, lost=2)
    assert (dict(found.lost_to), dict(found.gained_from)) == ({"outranked": 1, NO_CANDIDATE: 1}, {"caps": 1})


def test_what_is_held_or_tried_in_a_second_set_is_no_decision() -> None:
    waiting = decision("h", "held", candidate="a", reason="quiet_hours", held_until_ms=9)
    tried = decision("s", "shadow", candidate="a", parameter_set="shadow")
    assert only([waiting, tried, decision("a")], [tried, decision("a")]).total == Day(unchanged=1)
    assert compared([waiting, tried], []) == {}


def test_a_candidate_that_comes_twice_counts_twice() -> None:
    assert only([decision("a"), decision("a")], [decision("a")]).total == Day(unchanged=1, lost=1)


def test_days_are_those_of_the_side_that_sent_it() -> None:
    found = only([decision("a", decided_at_ms=DAY_MS)], [decision("b", decided_at_ms=3 * DAY_MS)])
    assert found.days == {1: Day(lost=1), 3: Day(gained=1)}


def test_the_latest_examples_are_kept_also_when_partitions_are_added() -> None:
    first = only([], [decision(f"{number:03}", decided_at_ms=2 * number) for number in range(20)])
    second = only([], [decision(f"{number:03}x", decided_at_ms=2 * number + 1) for number in range(20)])
    first.add(second)
    assert [one.at_ms for one in first.gained] == list(range(40 - EXAMPLES_MAX, 40))
    assert first.total == Day(gained=40)
