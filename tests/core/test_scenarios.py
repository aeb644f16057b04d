import pytest

from tests.core import scenario

CASES = [
    pytest.param(case, id=f"{path.stem}: {case.name}") for path in scenario.files() for case in scenario.cases(path)
]


@pytest.mark.parametrize("case", CASES)
def test_scenario(case: scenario.Case) -> None:
    assert scenario.differences(case, scenario.run(scenario.journal(case))) == []
