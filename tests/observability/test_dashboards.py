"""The dashboards, without Grafana: what it would refuse, show wrong or show empty is found here."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams import topics
from tests.observability.files import BY_ALERT, DASHBOARDS, GRAFANA, PANELS, PROMETHEUS, RECORDED, queries
from tests.observability.prometheus import Binaries
from tests.observability.promql import faults

SOURCE: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning/datasources/bellwether.yaml").read_text())
PROVIDER: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning/dashboards/bellwether.yaml").read_text())
UNITS = {"short", "s", "bytes", "cps", "percentunit"}
COLUMNS = 24
each_board = pytest.mark.parametrize("name", DASHBOARDS)
each_panel = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{name}: {panel['title']}" for name, panel in PANELS]
)


def alerts_of(panel: dict[str, Any]) -> list[str]:
    return re.findall(r"Alert: (\w+)\.", panel["description"])


def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    return {
        (column, line)
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    }


def test_there_is_one_for_operations_one_for_decisions_and_one_for_a_trigger() -> None:
    assert list(DASHBOARDS) == ["decisions", "operations", "trigger"]


@each_board
def test_a_board_keeps_its_address(name: str) -> None:
    board = DASHBOARDS[name]
    assert board["uid"] == f"bellwether-{name}"
    assert "id" not in board, "an id is one Grafana's own"
    assert (board["tags"], board["schemaVersion"], board["refresh"]) == (["bellwether"], 39, "10s")
    assert board["title"].startswith("Bellwether: ")


@each_board
def test_panels_have_ids_of_their_own_and_places_of_their_own(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    assert all(0 <= column < COLUMNS for panel in panels for column, _ in cells(panel))
    assert [(one["title"], other["title"]) for one, other in combinations(panels, 2) if cells(one) & cells(other)] == []
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)


@each_board
def test_rows_come_first_and_panels_in_reading_order(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert panels[0]["type"] == "row"
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels]
    assert places == sorted(places)


@each_board
def test_variables_are_declared_and_used(name: str) -> None:
    declared = {one["name"] for one in DASHBOARDS[name]["templating"]["list"]}
    used = {
        variable
        for panel in DASHBOARDS[name]["panels"]
        for target in panel.get("targets", [])
        for variable in re.findall(r"\$(?!__)(\w+)", target["expr"])
    }
    assert used == declared
    for one in DASHBOARDS[name]["templating"]["list"]:
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", one["query"]["query"])
        assert asked
        assert faults(f"sum by ({asked[2]}) ({asked[1]})", RECORDED) == []


@each_panel
def test_a_panel_has_what_makes_it_readable(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["type"] in {"stat", "timeseries", "bargauge"}
    assert defaults["unit"] in UNITS
    first, *steps = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert first is None, "the first step has no lower bound"
    assert steps == sorted(steps)
    assert [target["refId"] for target in panel["targets"]] == list("ABC")[: len(panel["targets"])]
    assert all(target["legendFormat"] for target in panel["targets"] if panel["type"] != "stat")


@each_panel
def test_a_panel_asks_the_source_that_is_provisioned(panel: dict[str, Any]) -> None:
    [source] = SOURCE["datasources"]
    for one in (panel, *panel["targets"]):
        assert one["datasource"] == {"type": source["type"], "uid": source["uid"]}


@each_panel
def test_a_panel_names_only_metrics_that_are_there(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert faults(target["expr"], RECORDED) == []
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert shown <= {"instance", "topic", "trigger", "stage", "outcome", "reason", "version"}
        kept = re.compile("|".join(rf"by \([^)]*\b{label}\b" for label in shown) + "|increase1h")
        assert shown <= {"instance"} or kept.search(target["expr"]), "the sum drops it"


@each_panel
def test_a_line_in_a_panel_is_where_its_alert_has_it(panel: dict[str, Any]) -> None:
    steps = {step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]} - {None}
    for alert in alerts_of(panel):
        bounds = {float(bound) for bound in re.findall(r"[><=]=? ([\d.]+)", BY_ALERT[alert]["expr"])}
        bounds |= {float(factor) for factor in re.findall(r"> ([\d.]+) \*", BY_ALERT[alert]["expr"])}
        bounds |= {bound + 0.5 for bound in bounds} | {bound + 1 for bound in bounds}  # of whole numbers, the next one
        assert steps & bounds, f"{alert}: {bounds}"


def test_every_alert_has_a_panel_that_shows_what_it_watches() -> None:
    empty = {alert for alert, rule in BY_ALERT.items() if rule["expr"].startswith("absent(")}  # it has no threshold
    assert {alert for _, panel in PANELS for alert in alerts_of(panel)} == set(BY_ALERT) - empty
    assert {alert for _, panel in PANELS for alert in re.findall(r"Empty: (\w+)", panel["description"])} == empty


def test_partitions_are_as_many_as_the_journal_has() -> None:
    [panel] = [panel for _, panel in PANELS if panel["title"] == "Partitions held"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1] == {"color": "green", "value": topics.PARTITIONS}


def test_every_query_is_promql(tools: Binaries, tmp_path: Path) -> None:
    asked = queries({"$trigger": "lapsed"})
    rules = [{"record": f"panel:query:{number}", "expr": expression} for number, (_, expression) in enumerate(asked)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = tools.run_promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout


def test_grafana_finds_the_boards_and_the_source() -> None:
    [provider], [source] = PROVIDER["providers"], SOURCE["datasources"]
    assert (PROVIDER["apiVersion"], SOURCE["apiVersion"]) == (1, 1)
    assert (provider["type"], provider["options"], provider["allowUiUpdates"]) == (
        "file",
        {"path": "/etc/grafana/dashboards"},
        False,
    )
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
    assert source["isDefault"]
