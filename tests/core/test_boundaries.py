"""Every threshold of every trigger has a case on both sides: the last value that changes nothing, and the next one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import Struct
from msgspec.structs import replace

from streams.trigger import load
from tests.core import scenario

NEXT = {int: 1, float: 0.01, timedelta: timedelta(milliseconds=1)}
NO_THRESHOLDS = {"average_over"}  # over how long an average forgets: nothing begins or ends there


class Boundary(Struct, forbid_unknown_fields=True):
    case: str
    holds: Any
    changes: Any


BOUNDARIES = msgspec.convert(
    yaml.safe_load(Path(__file__).with_name("boundaries.yaml").read_text()), dict[str, dict[str, Boundary]]
)
every_boundary = pytest.mark.parametrize(
    ("trigger", "parameter"), [(trigger, parameter) for trigger, several in BOUNDARIES.items() for parameter in several]
)


def decided(trigger: str, case: scenario.Case, **parameters: Any) -> list[tuple[object, ...]]:
    """What a case decides with other parameters, so far as a customer or a system would notice."""
    own = case.config.get(trigger, {}) | parameters
    journal = scenario.journal(replace(case, config=case.config | {trigger: own}))
    return [
        (one.action, one.outcome, one.reason, one.decided_at_ms, one.subject, one.prefilled, one.risk)
        for one in scenario.run(journal)
    ]


@every_boundary
def test_a_case_holds_up_to_the_threshold_and_not_beyond(trigger: str, parameter: str) -> None:
    boundary = BOUNDARIES[trigger][parameter]
    case = next(one for one in scenario.of_trigger(trigger) if one.name == boundary.case)
    expected = decided(trigger, case)
    assert decided(trigger, case, **{parameter: boundary.holds}) == expected
    assert decided(trigger, case, **{parameter: boundary.changes}) != expected


@every_boundary
def test_the_two_values_are_next_to_each_other(trigger: str, parameter: str) -> None:
    boundary = BOUNDARIES[trigger][parameter]
    kind = type(getattr(load()[trigger].config(), parameter))
    holds, changes = (msgspec.convert(value, kind) for value in (boundary.holds, boundary.changes))
    assert abs(changes - holds) == pytest.approx(NEXT[kind]) if kind is float else abs(changes - holds) == NEXT[kind]


@pytest.mark.parametrize("trigger", load())
def test_every_threshold_has_its_boundary(trigger: str) -> None:
    """A risk is a weight, and what is kept is shown by the generic suite; all other numbers and durations decide."""
    config = load()[trigger].config()
    thresholds = {
        name
        for name in config.__struct_fields__
        if type(getattr(config, name)) in NEXT and not name.endswith("_kept_max") and "risk" not in name
    }
    assert thresholds - NO_THRESHOLDS == BOUNDARIES.get(trigger, {}).keys()
