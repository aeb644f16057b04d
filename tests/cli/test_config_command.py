"""`bellwether config check`: the exit code and the version for a machine, the faults for a person."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_check_prints_the_version_and_every_triggers_mode(tmp_path: Path, bellwether: Command) -> None:
    (tmp_path / "triggers.yaml").write_text("triggers: {card_testing: {mode: shadow}}\n")
    told = bellwether("config", "check", "--config", str(tmp_path))
    rows = {tuple(line.split()) for line in told.out.splitlines()}
    assert told.code == 0
    assert {("card_testing", "fraud", "shadow"), ("fraud_verdict", "fraud", "off")} < rows
    document = json.loads(bellwether("config", "check", "--config", str(tmp_path), "--json").out)
    assert document["version"] in told.err
    assert document["problems"] == []
    assert document["triggers"]["card_testing"]["parameters"]["window"] == "P1D"  # defaults are filled in


@pytest.mark.parametrize("command", ["check", "apply"])
def test_a_fault_is_exit_code_1_with_file_and_line(command: str, tmp_path: Path, bellwether: Command) -> None:
    (tmp_path / "triggers.yaml").write_text("triggers:\n  card_testing: {mode: life}\n")
    ended = bellwether("config", command, "--config", str(tmp_path))
    assert (ended.code, ended.out) == (1, "")
    assert f"{tmp_path}/triggers.yaml:2: triggers.card_testing.mode: expected one of off, shadow, live" in ended.err
    assert 'did you mean "live"?' in ended.err


def test_faults_as_json(tmp_path: Path, bellwether: Command) -> None:
    (tmp_path / "triggers.yaml").write_text("triggers: {card_testng: {}}\n")
    ended = bellwether("config", "check", "--config", str(tmp_path), "--json")
    assert ended.code == 1
    assert [(one["line"], one["path"]) for one in json.loads(ended.out)["problems"]] == [(1, "triggers.card_testng")]


def test_the_folder_comes_from_the_environment(
    tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_CONFIG", str(tmp_path / "none"))
    ended = bellwether("config", "check")
    assert ended.code == 1
    assert str(tmp_path / "none") in ended.err


def test_no_trigger_of_that_name_can_be_released(bellwether: Command) -> None:
    ended = bellwether("guard", "release", "card_testin")
    assert (ended.code, ended.out) == (2, "")
    assert "There is no trigger 'card_testin'" in ended.err
