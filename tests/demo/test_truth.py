"""Scoring counts what it should, and the shipped rules agree with the labels."""

from functools import cache
from typing import Any

import msgspec
import pytest

from agents import config_files, settings
from agents.demo import scoring
from agents.demo.generator import generate
from agents.demo.truth import TOLERANCE_MS, Case, Truth, near_miss_of, score
from streams.actions import Decision


def case(trigger: str, action: str, customer: str, **changes: Any) -> Case:
    made = Case(
        trigger=trigger,
        action=action,
        customer=customer,
        kind="plant",
        at_ms=TOLERANCE_MS * 10,
        events=(f"{customer}-1",),
        note="test",
    )
    return msgspec.structs.replace(made, **changes)


DROP = case("balance_drop", "loan_offer", "ann")
WIRED = case("balance_drop", "adviser_call", "ben")
TESTED = case("card_testing", "verify_with_cardholder", "cem")
SPENT = case("card_testing", "verify_with_cardholder", "dan", kind="near_miss")
TRUTH = Truth(seed=1, customers=4, cases=(DROP, WIRED, TESTED, SPENT))


def decision(about: Case, **changes: Any) -> Decision:
    made = Decision(
        id=about.customer,
        candidate=about.customer,
        family="retention",
        trigger=about.trigger,
        action=about.action,
        customer=about.customer,
        outcome="sent",
        config_version="test",
        event_at_ms=about.at_ms,
        decided_at_ms=about.at_ms,
    )
    return msgspec.structs.replace(made, **changes)


def asked(about: Case, transaction: str) -> Decision:
    return decision(about, subject={"transaction": transaction})


def scored(*decisions: Decision) -> dict[tuple[str, str], tuple[int, int, int, int, int]]:
    rows = score(TRUTH, decisions).rows
    return {
        (row.trigger, row.action): (row.planted, row.found, row.missed, row.repeated, row.false_alarms) for row in rows
    }


def test_all_found() -> None:
    result = score(TRUTH, [decision(DROP), decision(WIRED), asked(TESTED, "cem-1")])
    assert {(row.precision, row.recall) for row in result.rows} == {(1.0, 1.0)}
    assert result.missed == ()
    assert result.false_alarms == ()


def test_nothing_sent_is_all_missed_and_says_nothing_of_precision() -> None:
    result = score(TRUTH, [])
    assert {(row.precision, row.recall) for row in result.rows} == {(None, 0.0)}
    assert result.missed == (DROP, WIRED, TESTED)


def test_the_wrong_action_is_a_miss_and_a_false_alarm() -> None:
    wrong = decision(DROP, action="adviser_call")
    rows = scored(wrong)
    assert rows["balance_drop", "loan_offer"] == (1, 0, 1, 0, 0)
    assert rows["balance_drop", "adviser_call"] == (1, 0, 1, 0, 1)
    assert rows["balance_drop", "all"] == (2, 0, 2, 0, 1)
    assert score(TRUTH, [wrong]).false_alarms == (wrong,)


def test_another_time_or_another_purchase_is_a_false_alarm() -> None:
    near = decision(DROP, event_at_ms=DROP.at_ms + TOLERANCE_MS)
    assert scored(near)["balance_drop", "loan_offer"] == (1, 1, 0, 0, 0)
    far = decision(DROP, event_at_ms=DROP.at_ms + TOLERANCE_MS + 1)
    assert scored(far)["balance_drop", "loan_offer"] == (1, 0, 1, 0, 1)
    assert scored(asked(TESTED, "cem-2"))["card_testing", "all"] == (1, 0, 1, 0, 1)


def test_what_the_arbiter_makes_of_a_proposal_is_not_the_triggers_affair() -> None:
    held = decision(DROP, id="interim", outcome="held", reason="quiet_hours")
    assert scored(held)["balance_drop", "loan_offer"] == (1, 1, 0, 0, 0)
    assert scored(held, decision(DROP), decision(DROP))["balance_drop", "loan_offer"] == (1, 1, 0, 0, 0)
    silent = decision(DROP, outcome="suppressed", reason="no_consent")
    assert scored(silent)["balance_drop", "loan_offer"] == (1, 1, 0, 0, 0)


def test_a_triggers_own_silence_and_its_failure_propose_nothing() -> None:
    quiet = decision(DROP, outcome="suppressed", reason="money_came_back")
    assert scored(quiet)["balance_drop", "loan_offer"] == (1, 0, 1, 0, 0)
    failed = decision(DROP, outcome="failed", reason="KeyError")
    assert scored(failed)["balance_drop", "loan_offer"] == (1, 0, 1, 0, 0)


def test_a_second_candidate_for_the_same_case_is_a_repeat() -> None:
    again = decision(DROP, candidate="another")
    assert scored(decision(DROP), again)["balance_drop", "loan_offer"] == (1, 1, 0, 1, 0)


def test_a_near_miss_that_was_answered_is_a_false_alarm_and_is_named() -> None:
    fooled = asked(SPENT, "dan-1")
    result = score(TRUTH, [fooled])
    assert result.false_alarms == (fooled,)
    assert near_miss_of(TRUTH, fooled) == SPENT
    assert near_miss_of(TRUTH, decision(DROP)) is None


def test_the_engines_own_failures_are_not_scored() -> None:
    assert ("engine", "all") not in scored(decision(DROP, trigger="engine", outcome="failed"))


@cache
def decided(order: scoring.Order) -> scoring.Outcome:
    """What the shipped rules make of a data set."""
    return scoring.measure(generate(60_000, 5), config_files.load(settings.PACKAGED_CONFIG), order)


def outcomes(note: str, trigger: str) -> list[list[tuple[str, str | None]]]:
    """For each customer of that role: outcomes of that trigger's decisions and their reasons, oldest first."""
    whole = decided("arrival")
    return [
        [(one.outcome, one.reason) for one in whole.decisions if (one.customer, one.trigger) == (customer, trigger)]
        for customer in {case.customer for case in whole.labels.cases if case.note == note}
    ]


@pytest.mark.parametrize("order", scoring.ORDERS)
def test_the_shipped_rules_agree_with_the_labels(order: scoring.Order) -> None:
    several = [decided(order)]
    assert [row for row in scoring.rows_of(several, order) if not row.is_good] == []
    assert scoring.false_checks_per_10_000(several) <= scoring.FALSE_CHECKS_PER_10_000_MAX


def test_who_agreed_to_nothing_is_found_and_left_alone() -> None:
    found = outcomes("no_consent", "balance_drop")
    assert found
    assert all(one == [("suppressed", "no_consent")] for one in found)


def test_a_renewal_reminder_after_a_complaint_waits() -> None:
    found = outcomes("after_a_complaint", "renewal_reminder")
    assert found
    assert all(one[0] in {("held", "complaint_open"), ("held", "complaint_fresh")} for one in found), found
