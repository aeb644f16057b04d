"""What came of a side's decisions: uplift only of what was decided live too, contacts of what reaches a customer."""

from typing import Any

from agents.backtest.figures import Figures, Group, Tally
from streams.actions import Decision
from streams.arbiter import HOLD_OUT
from streams.events import Response


def offer(name: str, **more: Any) -> Decision:
    given: dict[str, Any] = {
        "id": name,
        "candidate": name,
        "trigger": "lapsed",
        "family": "retention",
        "action": "cash_back_offer",
        "customer": "anna",
        "outcome": "sent",
        "config_version": "v",
        "event_at_ms": 0,
        "decided_at_ms": 0,
    }
    return Decision(**(given | more))


def tally(*decisions: Decision, converted: tuple[str, ...] = ()) -> Tally:
    made = Tally()
    for one in decisions:
        made.decided(one)
    for name in converted:
        made.happened(Response(id=f"r-{name}", customer="anna", at_ms=1, action_id=name, kind="converted"))
    return made


HELD_OUT = {"outcome": "suppressed", "reason": HOLD_OUT}


def test_uplift_counts_what_was_decided_live_too_and_in_the_same_group() -> None:
    live = tally(offer("a"), offer("b"), offer("c", **HELD_OUT), offer("d", **HELD_OUT), converted=("a", "c"))
    made = live.ledger.answered_offers()
    tried = tally(offer("a"), offer("new"), offer("c", **HELD_OUT), offer("d"), converted=("a", "c"))
    of_live, of_tried = live.by_trigger(made)["lapsed"], tried.by_trigger(made)["lapsed"]
    assert (of_live.treated, of_live.held_out) == (Group(1, 2), Group(1, 2))
    assert (of_tried.treated, of_tried.held_out) == (Group(1, 1), Group(1, 1))
    assert tried.by_trigger([])["lapsed"].treated == Group()


def test_contacts_are_what_reaches_a_customer() -> None:
    counted = tally(
        offer("a"),
        offer("b", trigger="win_back"),
        offer("c", customer="ben"),
        offer("d", outcome="suppressed", reason="caps"),
        offer("e", action="reissue_card", trigger="fraud_verdict"),
    )
    assert dict(counted.contacts()) == {2: 1, 1: 1}
    figures = counted.by_trigger([])
    assert dict(figures["lapsed"].contacts) == {1: 2}
    assert dict(figures["lapsed"].silences) == {"caps": 1}
    assert (figures["fraud_verdict"].sent, dict(figures["fraud_verdict"].contacts)) == (1, {})


def test_partitions_add_up() -> None:
    one = tally(offer("a"), offer("h", outcome="held", reason="quiet_hours"), converted=("a",))
    first, second = Figures(), one.by_trigger(one.ledger.answered_offers())["lapsed"]
    for _ in range(2):
        first.add(second)
    assert (first.sent, dict(first.holds), first.treated) == (2, {"quiet_hours": 2}, Group(2, 2))
    assert dict(first.contacts) == {1: 2}
