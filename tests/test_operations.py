"""The operations page says the code's own numbers, codes and statements."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from agents import lane, stop, watchdog
from agents.assignment import DRAIN_LIMIT_SECONDS, STOP_DRAIN_LIMIT_SECONDS
from agents.audit.checks import checks
from agents.audit.log import Moment
from agents.audit.tallies import Tallies
from agents.faust_app import HEARTBEAT_SECONDS, SESSION_TIMEOUT_SECONDS
from agents.kafka_log import TRANSACTION_TIMEOUT_MS
from agents.supervisor import STOP_LIMIT_SECONDS
from agents.worker import FLUSH_VIEWS_SECONDS

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
LIMITS = re.findall(r"^\|[^|]+\| ([\d.]+) \| `([\w.]+)\.(\w+)` \|$", PAGE, re.MULTILINE)
IN_TEXT = re.findall(r"([\d.]+) s\s\(`([\w.]+)\.(\w+)`\)", PAGE)


@pytest.mark.parametrize(("said", "module", "name"), LIMITS + IN_TEXT)
def test_a_limit_on_the_page_is_the_codes(said: str, module: str, name: str) -> None:
    value = getattr(import_module(module), name)
    assert float(said) == value / (1000 if name.endswith("_MS") else 1)


def test_limits_are_on_the_page_in_the_order_that_they_need() -> None:
    assert len(LIMITS) == 10
    assert len(IN_TEXT) == 3
    seconds = [float(said) for said, _, _ in LIMITS]
    assert seconds == sorted(seconds)
    assert STOP_DRAIN_LIMIT_SECONDS + FLUSH_VIEWS_SECONDS < STOP_LIMIT_SECONDS
    assert HEARTBEAT_SECONDS < SESSION_TIMEOUT_SECONDS < STOP_LIMIT_SECONDS
    assert lane.UNIT_LIMIT_SECONDS < DRAIN_LIMIT_SECONDS < TRANSACTION_TIMEOUT_MS / 1000 < watchdog.STUCK_SECONDS


def test_exit_codes_are_all_there() -> None:
    found = {int(code): name for code, name in re.findall(r"^\| (\d+) \| `([A-Z_]+)` \|", PAGE, re.MULTILINE)}
    assert found == {int(code): code.name for code in stop.Code}


def test_checks_are_told_in_their_own_words() -> None:
    nothing = Moment(starts={}, ends={}, hidden={}, positions={}, is_quiet=True, scraped=None)
    rows = [f"| {one.id} {one.name} | {one.statement} |" for one in checks(Tallies(moment=nothing))]
    assert [row for row in rows if row not in PAGE] == []
    assert len(rows) == 8
