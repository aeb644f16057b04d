"""A trigger in shadow says what it would have done; what the others decide is the same as without it."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from streams.actions import Decision, encode_decision
from tests.core import scenario

pytestmark = pytest.mark.no_cover  # every scenario again, thrice


def others(decisions: Iterable[Decision], name: str) -> list[bytes]:
    """What other triggers decided, as it is published, but for the version that it names."""
    return [encode_decision(replace(one, config_version="")) for one in decisions if one.trigger != name]


@pytest.mark.parametrize("case", scenario.all_cases())
def test_a_shadow_trigger_changes_nothing_for_the_others(case: scenario.Case) -> None:
    for name in {one.trigger for one in scenario.run(scenario.journal(case))}:
        without, beside = (scenario.run(scenario.journal(case, {name: mode})) for mode in ("off", "shadow"))
        assert others(beside, name) == others(without, name), name


def test_what_it_saw_counts_in_its_own_decision() -> None:
    """As it would have been: the risk that it saw, beside what live triggers saw."""
    found = [
        (live, tried)
        for case in scenario.of_trigger("balance_drop")
        for live, tried in zip(
            (one for one in scenario.run(scenario.journal(case)) if one.outcome == "sent"),
            (
                one
                for one in scenario.run(scenario.journal(case, {"balance_drop": "shadow"}))
                if one.outcome == "shadow" and not one.reason
            ),
            strict=False,
        )
    ]
    assert found
    for live, tried in found:
        assert (tried.risk, tried.risk_shares, tried.offer) == (live.risk, live.risk_shares, live.offer)
