import pytest

from tests.core import scenario


@pytest.mark.parametrize("case", scenario.all_cases())
def test_scenario(case: scenario.Case) -> None:
    assert scenario.differences(case, scenario.run(scenario.journal(case))) == []
