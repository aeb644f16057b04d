"""The alert rules: known to promtool, right at their edges, and each with its section in the runbooks."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observability.files import ALERTS, BY_ALERT, EDGES, PROMETHEUS, RECORDED, ROOT, RULES
from tests.observability.prometheus import Binaries
from tests.observability.promql import faults

RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
SECTIONS = re.findall(r"^## (Bellwether\w+)$", RUNBOOKS, re.MULTILINE)
PARTS = ("means", "look at", "do", "don't")
UNITS = {"m": 1, "h": 60, "d": 1440}


def minutes(text: str) -> int:
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([mhd])", text))


def test_promtool_finds_no_fault_in_rules_and_config(tools: Binaries) -> None:
    checked = tools.run_promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert checked.returncode == 0, checked.stderr
    checked = tools.run_promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr
    assert f"{len(RULES)} rules found" in checked.stdout, "the config names the rules"


def test_alerts_are_silent_before_their_edge_and_fire_at_it(tools: Binaries) -> None:
    tested = tools.run_promtool("test", "rules", EDGES)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_an_edge_is_told_from_a_minute_before(tools: Binaries, tmp_path: Path) -> None:
    """The test of the test: where every alert is expected a minute earlier, promtool objects to each."""
    edge = re.compile(r"^( +eval_time:) (\w+)$", re.MULTILINE)
    early = edge.sub(lambda at: f"{at[1]} {minutes(at[2]) - 1}m", EDGES.read_text())
    (tmp_path / ALERTS.name).write_text(ALERTS.read_text())
    (tmp_path / EDGES.name).write_text(early)
    tested = tools.run_promtool("test", "rules", tmp_path / EDGES.name)
    assert tested.returncode == 1
    assert {alert for alert in BY_ALERT if f"alertname: {alert}," not in tested.stdout + tested.stderr} == set()


@pytest.mark.parametrize("alert", BY_ALERT)
def test_an_alert_is_tested_at_both_sides_of_an_edge(alert: str) -> None:
    edges = []
    for group in yaml.safe_load(EDGES.read_text())["tests"]:
        cases: list[dict[str, Any]] = [case for case in group["alert_rule_test"] if case["alertname"] == alert]
        silent = {minutes(case["eval_time"]) for case in cases if not case["exp_alerts"]}
        edges += [case for case in cases if case["exp_alerts"] and minutes(case["eval_time"]) - 1 in silent]
    assert edges


@pytest.mark.parametrize("alert", BY_ALERT)
def test_an_alert_says_what_whoever_is_woken_needs(alert: str) -> None:
    rule = BY_ALERT[alert]
    assert re.fullmatch(r"Bellwether[A-Z]\w+", alert)
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{alert.lower()}"
    assert len(rule["annotations"]["summary"]) < 70
    assert "{{" not in rule["annotations"]["summary"], "one summary groups all of an alert"


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    assert list(BY_ALERT) == SECTIONS, "in the order of alerts.yml"


@pytest.mark.parametrize("alert", BY_ALERT)
def test_a_runbook_says_what_it_means_what_to_look_at_what_to_do_and_what_not(alert: str) -> None:
    rule = BY_ALERT[alert]
    section = RUNBOOKS.split(f"## {alert}\n")[1].split("\n## ")[0]
    assert section.startswith(f"\n{rule['labels']['severity'].capitalize()}: {rule['annotations']['summary']}\n")
    assert re.findall(r"^- \*\*(.+?)\*\*:", section, re.MULTILINE) == list(PARTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.get("alert", rule.get("record"))))
def test_a_rule_names_only_metrics_that_are_there(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"], RECORDED) == []
    told = set(re.findall(r"\$labels\.(\w+)", str(rule.get("annotations"))))
    assert told <= {"instance", "topic", "trigger", "stage"}
