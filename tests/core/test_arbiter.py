"""The arbiter, through the scenarios: what it says is shown there, all of it."""

from streams import turn
from tests.core import scenario


def test_every_reason_for_silence_is_shown_by_a_scenario() -> None:
    runs = (scenario.run(scenario.journal(case.values[0])) for case in scenario.all_cases())
    assert set(turn.REASONS) - {decision.reason for run in runs for decision in run} == set()
