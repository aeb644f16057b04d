"""`bellwether explain` and `bellwether customer` on dumps: what they say, and how they end."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents import config_files, journal_lines, source_lines
from agents.demo import generator
from agents.line_files import Line
from agents.replay import Replay, replay_entries
from agents.settings import PACKAGED_CONFIG
from agents.stack.process import free_port
from streams.actions import Decision
from streams.journal import EventEntry, Forget
from streams.partition import JournalRecord
from tests.core import scenario

Command = Callable[..., Any]
EVENTS = 4_000
KINDS = 5
PARTITION = 2


@pytest.fixture(scope="module")
def entries() -> list[JournalRecord]:
    made = islice(generator.generate(EVENTS, 5).records, EVENTS)
    lines = [Line("", number, msgspec.json.encode(record)) for number, record in enumerate(made, start=1)]
    return list(source_lines.journal(lines, config_files.load(PACKAGED_CONFIG), lambda *_: None))


@pytest.fixture(scope="module")
def decisions(entries: list[JournalRecord]) -> list[Decision]:
    return [one for _, one in replay_entries(((0, entry) for entry in entries), Replay())]


def write(file: Path, entries: list[JournalRecord]) -> Path:
    file.write_bytes(b"".join(journal_lines.encode(PARTITION, one) + b"\n" for one in entries))
    return file


@pytest.fixture(scope="module")
def dump(entries: list[JournalRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("dump") / "journal.jsonl", entries)


def of(case_name: str, file: Path) -> Path:
    """A scenario's journal as a dump."""
    case = next(one.values[0] for one in scenario.all_cases() if one.values[0].name == case_name)
    return write(file, [JournalRecord(offset, entry) for offset, entry in enumerate(scenario.journal(case))])


def test_each_decision_is_explained_as_it_was_made(
    dump: Path, entries: list[JournalRecord], decisions: list[Decision], bellwether: Command
) -> None:
    by_kind = {(one.trigger, one.outcome): one for one in decisions}
    assert len(by_kind) > KINDS
    for one in list(by_kind.values())[:KINDS]:
        ended = bellwether("explain", one.id, "--from", str(dump), "--json")
        assert ended.code == 0
        told = json.loads(ended.out)
        assert told["decision"] == json.loads(msgspec.json.encode(one))
        assert (told["partition"], told["rules"]["version"]) == (PARTITION, one.config_version)
        for cause in told["causes"]:
            entry = entries[cause["position"]].entry
            assert isinstance(entry, EventEntry)
            assert cause["event"] == json.loads(msgspec.json.encode(entry.event)) | {"position": cause["position"]}
            assert cause["source"]["topic"] == entry.source.topic
        assert one.id in [asked["decision"]["id"] for asked in told["asked"] if asked["decision"]]


def test_the_words_have_reason_values_entries_steps_and_rules(
    tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    name = "an open fraud check holds an offer back, the cardholder's answer lets it go"
    file = of(name, tmp_path / "journal.jsonl")
    story = json.loads(bellwether("customer", scenario.CUSTOMER, "--from", str(file), "--json").out)
    told = [one["decision"] for one in story["timeline"] if one["decision"]]
    held = next(one for one in told if one["outcome"] == "held")
    said = bellwether("explain", held["id"], "--from", str(file)).out
    for expected in (
        held["because"],
        "held (fraud_check_open) until",
        "wired_percent",
        "amount -18000.00 EUR",
        "expired, runaway, no_consent, offers_paused, declined, cool_down",
        "sent",
        f"Version {held['config_version']}, in the journal at offset 0",
        "balance_drop (live): ",
    ):
        assert expected in said
    assert "still waits" not in said, "what became of it later is told too"


def test_what_waits_is_told_with_its_reason_and_its_time(
    tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    name = "an open fraud check holds an offer back, the cardholder's answer lets it go"
    lines = of(name, tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    file = tmp_path / "cut.jsonl"
    file.write_bytes(b"".join(lines[:-2]))  # without the cardholder's answer, and the tick after it
    ended = bellwether("customer", scenario.CUSTOMER, "--from", str(file))
    assert ended.code == 0
    known = ended.out[ended.out.index("What is known") :]
    assert "A fraud check (e3) is open since" in known
    assert "consent to email and phone" in known
    waiting = known[known.index("Waiting") :]
    assert "adviser_call of balance_drop  fraud_check_open" in waiting
    assert "Worth 100000 a year" in known
    held = next(one for one in json.loads(in_json(file, bellwether))["timeline"] if one["decision"])
    assert bellwether("explain", held["decision"]["id"], "--from", str(file)).code == 0
    story = json.loads(in_json(file, bellwether))
    [waits] = story["waiting"]
    assert waits["until_ms"] == waits["asked"]["steps"][-1]["until_ms"]
    said = bellwether("explain", waits["asked"]["decision"]["id"], "--from", str(file)).out
    assert "It still waits at the journal's end" in said


def in_json(file: Path, bellwether: Command) -> str:
    return str(bellwether("customer", scenario.CUSTOMER, "--from", str(file), "--json").out)


def test_what_was_not_sent_is_told_and_by_whom_it_was_outranked(
    dump: Path, decisions: list[Decision], bellwether: Command, tmp_path: Path
) -> None:
    silent = next(one for one in decisions if one.outcome == "suppressed")
    said = bellwether("customer", silent.customer, "--from", str(dump)).out
    part = said[said.index("Considered and not sent") :]
    assert silent.id in part
    case = next(
        one.values[0]
        for one in scenario.all_cases()
        if any(isinstance(part, dict) and part.get("reason") == "outranked" for part in one.values[0].expect)
    )
    file = of(case.name, tmp_path / "journal.jsonl")
    lost = [one for one in scenario.run(scenario.journal(case)) if one.outranked_by]
    told = json.loads(bellwether("explain", lost[0].id, "--from", str(file), "--json").out)
    assert told["preferred"]["id"] == lost[0].outranked_by


def test_the_last_moments_are_shown_and_a_forgotten_customer_has_no_state(
    dump: Path, entries: list[JournalRecord], decisions: list[Decision], tmp_path: Path, bellwether: Command
) -> None:
    customer = decisions[0].customer
    said = bellwether("customer", customer, "--from", str(dump), "--last", "3").out
    assert " earlier: --last 0 shows all." in said
    whole = bellwether("customer", customer, "--from", str(dump), "--last", "0").out
    assert " earlier" not in whole
    assert len(whole) > len(said)
    forget = JournalRecord(len(entries), Forget("r1", customer, 4_000_000_000_000))
    after = bellwether("customer", customer, "--from", str(write(tmp_path / "after.jsonl", [*entries, forget]))).out
    assert "request to forget (r1)" in after
    assert "Nothing is stored." in after


def test_what_cannot_be_found_or_read_is_told_with_its_exit_code(
    dump: Path, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (("explain", "no-such-decision"), ("customer", "nobody")):
        ended = bellwether(*words, "--from", str(dump))
        assert (ended.code, ended.out) == (1, "")
        assert words[1] in ended.err
        assert "older than" in ended.err
        (tmp_path / "no.jsonl").write_bytes(b"no dump\n")
        ended = bellwether(*words, "--from", str(tmp_path / "no.jsonl"))
        assert (ended.code, ended.out) == (2, "")
        assert "not a line of a journal dump" in ended.err
        assert bellwether(*words, "--from", str(tmp_path / "none.jsonl")).code == 2
        monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
        ended = bellwether(*words)
        assert (ended.code, ended.out) == (3, "")
        assert "out of reach" in ended.err
    assert bellwether("explain").code == 2
    assert bellwether("customer", "c", "--last", "-1").code == 2
