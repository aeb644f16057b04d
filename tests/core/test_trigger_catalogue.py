"""The generic suite: what must be there for every registered trigger, under one name."""

import re
from functools import cache
from pathlib import Path

import msgspec
import pytest
import yaml

from agents.cli.docs import triggers
from agents.pages.trigger_page import page
from streams import config
from streams.actions import ACTIONS, Decision
from streams.trigger import Trigger, load
from tests.core import scenario

ROOT = Path(__file__).parents[2]
every_trigger = pytest.mark.parametrize("one", load().values(), ids=load())


@cache
def decided(name: str) -> list[Decision]:
    """All that a trigger decided in its own scenarios."""
    runs = (scenario.run(scenario.journal(case)) for case in scenario.of_trigger(name))
    return [decision for run in runs for decision in run if decision.trigger == name]


def said_actions(one: Trigger) -> set[str]:
    """The actions that the documentation names."""
    said = re.search(r"^Action:(.*?)^\w", one.documentation, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"\w+", said.group(1))) & set(ACTIONS) if said else set()


@every_trigger
def test_documentation_has_its_parts(one: Trigger) -> None:
    for part in ("Why:", "Action:", "Quiet when:", "Source:"):
        assert re.search(f"^{part} .", one.documentation, re.MULTILINE), f"no {part}"
    assert re.search(r"^ {4,}.*(--|__|\|)", one.documentation, re.MULTILINE), "no timeline"
    for reason in one.quiet:
        assert f"`{reason}`" in one.documentation


@every_trigger
def test_parameters_have_description_bounds_and_default(one: Trigger) -> None:
    shape = msgspec.json.schema(one.config)["$defs"][one.config.__name__]
    assert not shape.get("required")
    assert shape["additionalProperties"] is False
    for name, parameter in shape["properties"].items():
        assert parameter.get("description"), name
        is_number = parameter.get("type") in ("integer", "number")
        assert not is_number or {"minimum", "exclusiveMinimum"} & set(parameter), f"{name} has no lower bound"
        assert not name.endswith("_kept_max") or "maximum" in parameter, f"{name} has no upper bound"


def test_one_name_everywhere() -> None:
    names = {(one.family, name) for name, one in load().items()}
    assert names == {(path.parent.name, path.stem) for path in scenario.FOLDER.glob("*/*.yaml")}
    assert {*load(), "README"} == {path.stem for path in (ROOT / "docs" / "triggers").glob("*.md")}
    assert set(load()) == set(yaml.safe_load((ROOT / "config" / "triggers.yaml").read_text())["triggers"])


def test_pages_are_up_to_date(tmp_path: Path) -> None:
    assert triggers(folder=ROOT / "docs" / "triggers", check=True) == 0, "write them: bellwether docs triggers"
    (tmp_path / "gone.md").write_text("a trigger that is no more")
    assert triggers(folder=tmp_path, check=True) == 1
    assert triggers(folder=tmp_path) == 0
    assert triggers(folder=tmp_path, check=True) == 0
    assert not (tmp_path / "gone.md").exists()


@every_trigger
def test_page_names_every_parameter(one: Trigger) -> None:
    assert all(f"| `{name}` |" in page(one) for name in one.config.__struct_fields__)


@every_trigger
def test_scenarios_show_every_action_and_every_silence(one: Trigger) -> None:
    outcomes = {(decision.action, decision.outcome) for decision in decided(one.name)}
    assert {action for action, outcome in outcomes if outcome == "sent"} | _silent(one) == said_actions(one)
    assert {decision.reason for decision in decided(one.name) if decision.outcome == "suppressed"} >= set(one.quiet)
    cases = scenario.of_trigger(one.name)
    assert any(all(d.trigger != one.name for d in scenario.run(scenario.journal(case))) for case in cases)


def _silent(one: Trigger) -> set[str]:
    """Actions that a trigger names only to say what it would have been."""
    return {decision.action for decision in decided(one.name) if decision.reason in one.quiet} & said_actions(one)


def test_shipped_config_runs_every_trigger() -> None:
    shipped = config.build(yaml.safe_load((ROOT / "config" / "triggers.yaml").read_text()))
    assert {name: settings.mode for name, settings in shipped.triggers.items()} == dict.fromkeys(load(), "live")


@every_trigger
def test_state_is_compact(one: Trigger) -> None:
    assert one.state.__struct_config__.array_like
