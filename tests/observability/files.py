"""The files that operators deploy, read as their programs read them."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "config" / "prometheus"
GRAFANA = ROOT / "config" / "grafana"
ALERTS = PROMETHEUS / "alerts.yml"
EDGES = PROMETHEUS / "alerts_test.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
]
BY_ALERT = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: set(re.findall(r"^[^:]+", rule["record"])) for rule in RULES if "record" in rule}
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS = [(name, panel) for name, board in DASHBOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
# What Grafana puts in, as it might be for a dashboard that shows an hour.
PUT_IN = {"$__rate_interval": "20s", "$__range": "1h"}


def queries(values: dict[str, str]) -> list[tuple[str, str]]:
    """(panel, expression) of every panel, with these values for the variables."""
    found = []
    for name, panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in {**PUT_IN, **values}.items():
                expression = expression.replace(variable, value)
            found.append((f"{name}: {panel['title']}", expression))
    return found
