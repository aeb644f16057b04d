"""`bellwether sources try`: the exit code and each record for a machine, the reasons for a person."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
COUNTS = {"iso8583-authorisations": (3, 1), "camt-reports": (2, 2), "csv-orders": (3, 2)}


@pytest.mark.parametrize("source", COUNTS)
def test_the_examples_are_shown_record_by_record(source: str, bellwether: Command) -> None:
    arguments = ("sources", "try", str(EXAMPLES / f"{source}.jsonl"), "--source", source, "--config", str(EXAMPLES))
    told = bellwether(*arguments)
    events, dead = COUNTS[source]
    assert told.code == 1
    assert f"{events + dead} records: {events} events, {dead} dead letters." in told.err
    assert told.out.count("customer-") >= events
    lines = [json.loads(line) for line in bellwether(*arguments, "--json").out.splitlines()]
    assert [one["line"] for one in lines] == list(range(1, events + dead + 1))
    assert sum("event" in one for one in lines) == events
    assert all(one.keys() == {"line", "reason", "message"} for one in lines if "event" not in one)
    short = bellwether(*arguments, "--first", "1")
    assert "Shown are the first 1" in short.err
    assert f"{events + dead} records" in short.err


def test_good_records_are_exit_code_0_and_keys_stand_before_values(tmp_path: Path, bellwether: Command) -> None:
    fields = "{id: i, customer: {key: true}, at_ms: {path: t, time: iso8601}, product: p}"
    (tmp_path / "sources.yaml").write_text(f"sources: {{s: {{type: usage, fields: {fields}}}}}")
    file = tmp_path / "records.txt"
    file.write_bytes(b'c-1|{"i":"1","t":"2024-01-01T00:00:00Z","p":"x|y"}\r\n')
    arguments = ("sources", "try", str(file), "--source", "s", "--config", str(tmp_path), "--json")
    told = bellwether(*arguments, "--key-separator", "|")
    assert told.code == 0
    event = json.loads(told.out)["event"]
    assert (event["customer"], event["product"]) == ("c-1", "x|y")
    early = bellwether(*arguments, "--key-separator", "|", "--timestamp-ms", "0")
    assert json.loads(early.out)["reason"] == "event_time_in_future"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("none.jsonl", "--source", "usage"), 2, "none.jsonl"),
        (("none.jsonl", "--source", "usages"), 2, 'did you mean "usage"?'),
        (("none.jsonl", "--source", "usage", "--config", "tests"), 2, "none.jsonl"),
    ],
)
def test_what_cannot_be_tried_is_told(arguments: tuple[str, ...], code: int, told: str, bellwether: Command) -> None:
    ended = bellwether("sources", "try", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_check_tells_faults_of_rules_and_sources_together(tmp_path: Path, bellwether: Command) -> None:
    (tmp_path / "triggers.yaml").write_text("triggers: {card_testng: {}}\n")
    (tmp_path / "sources.yaml").write_text("sources: {s: {type: usag}}\n")
    ended = bellwether("config", "check", "--config", str(tmp_path), "--json")
    assert ended.code == 1
    assert [one["path"] for one in json.loads(ended.out)["problems"]] == ["triggers.card_testng", "sources.s.type"]
    (tmp_path / "triggers.yaml").write_text("triggers: {}\n")
    (tmp_path / "sources.yaml").write_text("sources: {s: {type: usage}}\n")
    fine = bellwether("config", "check", "--config", str(tmp_path), "--json")
    assert (fine.code, json.loads(fine.out)["sources"]) == (0, ["s"])
