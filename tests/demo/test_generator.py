"""The generated data is what it says: the same everywhere, well formed, labelled, and scored rightly."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import msgspec
import pytest

from agents.cli import generate as command
from agents.cli.output import CommandError
from agents.demo.generator import LATENESS_MS_MAX, SourceRecord, generate
from agents.demo.roles import ROLES
from agents.demo.timeline import DAY_MS, END_MS, HOUR_MS, MONTH_STARTS_MS, START_MS, day_ms
from agents.demo.truth import Case, Truth
from streams import topics
from streams.actions import ACTIONS
from streams.events import AccountMovement, CardTransaction, Event

EVENTS, SEED = 60_000, 3  # every role occurs
ROOT = Path(__file__).parents[2]
LATER_NOTES = {"trusted_again", "not_sampled", "nothing_improved"}  # beside what gave a role its name
DIGEST_SCRIPT = """
import hashlib, msgspec
from agents.demo.generator import generate
generated = generate(4000, 3)
content = msgspec.json.encode(list(generated.records)) + msgspec.json.encode(generated.truth)
print(hashlib.sha256(content).hexdigest())
"""
_decoders = {source.name: msgspec.json.Decoder(source.carries) for source in topics.SOURCES if source.carries}


@cache
def records() -> list[SourceRecord]:
    return list(generate(EVENTS, SEED).records)


@cache
def truth() -> Truth:
    return generate(EVENTS, SEED).truth


def event(record: SourceRecord) -> Event:
    return _decoders[record.topic].decode(bytes(record.value))


def movements() -> dict[str, AccountMovement]:
    found = (event(record) for record in records() if record.topic == "account-movements")
    return {one.id: one for one in found if isinstance(one, AccountMovement)}


def transactions() -> dict[str, CardTransaction]:
    found = (event(record) for record in records() if record.topic == "card-transactions")
    return {one.id: one for one in found if isinstance(one, CardTransaction)}


def plants(trigger: str) -> list[Case]:
    return [case for case in truth().cases if (case.trigger, case.kind) == (trigger, "plant")]


def test_same_seed_gives_the_same_bytes_in_any_process() -> None:
    digests = set()
    for hash_seed in ("1", "2"):
        ran = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-c", DIGEST_SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        )
        digests.add(ran.stdout.strip())
    again = generate(4000, SEED)
    content = msgspec.json.encode(list(again.records)) + msgspec.json.encode(again.truth)
    assert digests == {hashlib.sha256(content).hexdigest()}


def test_another_seed_gives_other_data_of_about_the_size_asked_for() -> None:
    other = list(generate(EVENTS, SEED + 1).records)
    assert other != records()
    for one in (other, records()):
        assert len(one) == pytest.approx(EVENTS, rel=0.05)


def test_every_source_topic_occurs_and_every_record_is_what_its_topic_carries() -> None:
    assert {record.topic for record in records()} == {source.name for source in topics.SOURCES}
    for record in records():
        document = json.loads(bytes(record.value))
        assert "position" not in document
        one = event(record)  # raises where it doesn't fit
        assert one.customer == document["customer"]
        assert record.key in document.values()


@pytest.mark.parametrize("events", [20_000, 45_000, 100_000])
def test_few_customers_are_a_fair_sample(events: int) -> None:
    assert sum(1 for _ in generate(events, SEED).records) == pytest.approx(events, rel=0.05)


def test_a_third_are_card_transactions() -> None:
    counts = Counter(record.topic for record in records())
    assert counts["card-transactions"] / len(records()) == pytest.approx(0.34, abs=0.03)


def test_nothing_can_be_taken_for_a_card_number() -> None:
    number = re.compile(rb"\d(?:[ -]?\d){12,}")
    instant = re.compile(rb'"[a-z_]+_ms":\d+')
    for record in records():
        content = record.key.encode() + b" | " + instant.sub(b"", bytes(record.value))
        assert not number.search(content), content


def test_records_come_in_order_of_arrival_a_little_late_at_most() -> None:
    arrivals = [record.timestamp for record in records()]
    assert arrivals == sorted(arrivals)
    planted_late = {case.events[0] for case in truth().cases if case.note == "test_late_probe"}
    first = {event(record).id: record for record in reversed(records())}
    late = {name: record.timestamp - event(record).at_ms for name, record in first.items()}
    assert min(late.values()) == 0
    assert max(ms for name, ms in late.items() if name not in planted_late) <= LATENESS_MS_MAX
    assert 0.02 < sum(ms > 0 for ms in late.values()) / len(late) < 0.06


def test_one_record_in_two_hundred_is_an_exact_repeat_soon_after() -> None:
    seen: dict[str, SourceRecord] = {}
    repeats = 0
    for record in records():
        before = seen.setdefault(event(record).id, record)
        if before is not record:
            repeats += 1
            assert (before.topic, before.key, bytes(before.value)) == (record.topic, record.key, bytes(record.value))
            assert 0 < record.timestamp - before.timestamp <= LATENESS_MS_MAX
    assert repeats / len(records()) == pytest.approx(0.005, abs=0.002)


def test_profiles_come_before_anything_else_of_a_customer() -> None:
    first: dict[str, str] = {}
    for record in records():
        first.setdefault(event(record).customer, record.topic)
    assert set(first.values()) == {"profiles"}
    assert len(first) == truth().customers


def test_every_role_is_planted_and_its_cases_name_events_that_are_there() -> None:
    cases = truth().cases
    assert {case.note for case in cases} == {role.name for role in ROLES if role.name != "plain"} | LATER_NOTES
    assert {case.action for case in cases} <= set(ACTIONS)
    ids = {event(record).id for record in records()}
    for case in cases:
        assert case.events
        assert ids.issuperset(case.events), case


def test_plants_leave_time_to_learn_before_and_to_wait_after() -> None:
    for case in truth().cases:
        if case.kind == "plant":
            assert day_ms(90) <= case.at_ms <= END_MS - 48 * DAY_MS
    last: dict[str, int] = {event(record).customer: record.timestamp for record in records()}
    assert min(last.values()) > MONTH_STARTS_MS[-2]
    assert records()[0].timestamp >= START_MS


def test_nobody_is_planted_upon_twice() -> None:
    planted = Counter(case.customer for trigger in ("card_testing", "balance_drop") for case in plants(trigger))
    assert set(planted.values()) == {1}


def test_a_card_test_is_small_then_large_for_the_card_at_a_new_merchant() -> None:
    all_of = transactions()
    for case in plants("card_testing"):
        *probes, large = (all_of[name] for name in case.events)
        before = [one for one in all_of.values() if one.card == large.card and one.at_ms < probes[0].at_ms]
        usual_minor = sorted(one.amount_minor for one in before)[len(before) // 2]
        assert large.amount_minor >= max(30_000, 10 * usual_minor)
        assert large.merchant not in {one.merchant for one in before}
        assert all(50 <= one.amount_minor <= 499 and one.at_ms < large.at_ms for one in probes)
        assert large.at_ms - probes[0].at_ms <= 6 * HOUR_MS


def test_a_drop_takes_most_of_a_good_sum_and_its_legs_share_a_transfer() -> None:
    all_of = movements()
    for case in plants("balance_drop"):
        parts = [all_of[name] for name in case.events]
        out = [one for one in parts if one.account_type == "savings"]
        before_minor = max(one.balance_after_minor - one.amount_minor for one in out)
        assert before_minor >= 1_000_000
        assert -sum(one.amount_minor for one in out) >= before_minor * 7 // 10
        for leg in (one for one in parts if one.account_type != "savings"):
            assert leg.transfer in {one.transfer for one in out}


def test_no_savings_account_is_overdrawn_and_a_paid_loan_is_at_zero() -> None:
    balances = [(one.account_type, one.balance_after_minor) for one in movements().values() if one.method != "fee"]
    assert min(minor for kind, minor in balances if kind == "savings") >= 0
    assert {minor for kind, minor in balances if kind == "loan"} == {0}


def test_the_command_writes_records_and_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "data"
    arguments = ["--events", str(EVENTS), "--seed", str(SEED), "--output", str(folder)]
    assert command.app(arguments, result_action="return_value") == 0
    lines = (folder / "records.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=SourceRecord).timestamp for line in lines] == [
        record.timestamp for record in records()
    ]
    assert set(json.loads(lines[0])) == {"topic", "key", "value", "timestamp"}
    assert isinstance(json.loads(lines[0])["value"], dict)
    assert msgspec.json.decode((folder / "truth.json").read_bytes(), type=Truth) == truth()
    assert str(folder / "truth.json") in capsys.readouterr().out


def test_the_command_says_what_to_do_where_it_cannot_write(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.touch()
    with pytest.raises(CommandError, match="Name a folder with --output"):
        command.generate(output=taken, events=100)
