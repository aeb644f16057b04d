"""Scoring counts what it should, and the shipped rules agree with the labels."""

from collections.abc import Iterator
from typing import Any

import msgspec

from agents.demo.generator import generate
from agents.demo.truth import TOLERANCE_MS, Case, Truth, near_miss_of, score
from streams import config, topics
from streams.actions import Decision
from streams.journal import ConfigVersion, EventEntry, Source, Tick
from streams.partition import JournalRecord, Partition

HOUR_MS = 3_600_000


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


def test_held_and_then_sent_counts_once_and_only_held_not_at_all() -> None:
    held = decision(DROP, id="interim", outcome="held")
    assert scored(held)["balance_drop", "loan_offer"] == (1, 0, 1, 0, 0)
    assert scored(held, decision(DROP), decision(DROP))["balance_drop", "loan_offer"] == (1, 1, 0, 0, 0)


def test_a_second_candidate_for_the_same_case_is_a_repeat() -> None:
    again = decision(DROP, candidate="another")
    assert scored(decision(DROP), again)["balance_drop", "loan_offer"] == (1, 1, 0, 1, 0)


def test_a_near_miss_that_was_answered_is_a_false_alarm_and_is_named() -> None:
    fooled = asked(SPENT, "dan-1")
    result = score(TRUTH, [fooled])
    assert result.false_alarms == (fooled,)
    assert near_miss_of(TRUTH, fooled) == SPENT
    assert near_miss_of(TRUTH, decision(DROP)) is None


def test_a_trigger_without_labels_is_not_scored() -> None:
    assert ("lapsed", "all") not in scored(decision(DROP, trigger="lapsed"))


def test_the_shipped_rules_agree_with_the_labels() -> None:
    generated = generate(60_000, 5)
    partition = Partition({})
    result = score(generated.truth, partition.compute(_journal(generated.records, generated.truth)).decisions)
    for row in result.rows:
        assert row.recall is None or row.recall >= 0.95, row
        if row.action == "all":
            assert row.precision is not None, row
            assert row.precision >= 0.9, row
        assert row.repeated == 0, row


def _journal(records: Iterator[Any], truth: Truth) -> Iterator[JournalRecord]:
    """The records as one journal partition, all labelled triggers live, an hour between ticks."""
    rules = config.build({"triggers": {name: {"mode": "live"} for name in truth.triggers}})
    yield JournalRecord(0, ConfigVersion(rules.version, config.encode(rules), 0))
    decoders = {source.name: msgspec.json.Decoder(source.carries) for source in topics.SOURCES}
    offset = ticked_ms = 0
    for record in records:
        if record.timestamp >= ticked_ms + HOUR_MS:
            offset, ticked_ms = offset + 1, record.timestamp
            yield JournalRecord(offset, Tick(ticked_ms))
        offset += 1
        event = decoders[record.topic].decode(bytes(record.value))
        yield JournalRecord(offset, EventEntry(event, Source(record.topic, 0, offset)))
