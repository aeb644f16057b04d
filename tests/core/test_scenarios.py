import pytest

from tests.core import scenario


@pytest.mark.parametrize("case", scenario.all_cases())
def test_scenario(case: scenario.Case) -> None:
    decisions = scenario.run(scenario.journal(case))
    assert scenario.differences(case, decisions) == []
    assert len({one.id for one in decisions}) == len(decisions), "whoever reads them may pass over a known id"
