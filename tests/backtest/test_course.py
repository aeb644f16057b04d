"""A partition's history decided twice: each side is what a replay under its rules alone decides."""

import pytest

from agents.backtest.comparison import Day
from agents.backtest.course import Outcome, Plan, digest
from agents.replay import Replay
from streams.actions import encode_decision
from streams.journal import ConfigVersion, Entry, Tick
from tests.backtest.history import TIGHTER, happened, ran, records, version
from tests.core import scenario
from tests.core.scenario import Case

LIVE, TRIED = version(), version(**TIGHTER)


def replayed(entries: list[Entry]) -> bytes:
    """Digests of what a replay decides, one entry at a time."""
    machine = Replay()
    return b"".join(digest(encode_decision(one)) for each in records(entries) for one in machine.apply(0, each))


def totals(outcome: Outcome) -> dict[str, Day]:
    return {name: one.total for name, one in outcome.differences.items()}


def test_a_changed_threshold_makes_exactly_the_planted_differences() -> None:
    found = ran(Plan(TRIED), [LIVE, *happened()])
    assert totals(found) == {"card_testing": Day(unchanged=1, gained=1, lost=1)}
    [gained], [lost] = found.differences["card_testing"].gained, found.differences["card_testing"].lost
    assert "450.00" in gained.because
    assert "900.00" in lost.because
    assert gained.at_ms - lost.at_ms == 10 * 86_400_000


def test_precision_is_of_the_answers_that_are_known() -> None:
    figures = ran(Plan(TRIED), [LIVE, *happened()]).figures
    assert dict(figures["old"]["card_testing"].answers) == {"fraud": 1, "genuine": 1}
    assert dict(figures["new"]["card_testing"].answers) == {"fraud": 2}


@pytest.mark.parametrize("case", scenario.all_cases())
def test_rules_against_themselves_differ_in_nothing_and_are_a_replay_byte_for_byte(case: Case) -> None:
    entries = scenario.journal(case)
    rules = entries[0]
    assert isinstance(rules, ConfigVersion)
    if any(isinstance(one, ConfigVersion) for one in entries[1:]):
        entries = [one for one in entries if one is rules or not isinstance(one, ConfigVersion)]
    for plan in (Plan(rules), Plan(rules, rules)):
        found = ran(plan, entries)
        assert found.made == replayed(entries)
        assert all(one == Day(unchanged=one.unchanged) for one in totals(found).values())
        assert found.figures["old"] == found.figures["new"]


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_it_is_the_same_in_batches_of_any_size(batch: int) -> None:
    entries = [LIVE, *happened()]
    assert ran(Plan(TRIED), entries, batch) == ran(Plan(TRIED), entries)


def test_rules_named_for_a_side_decide_from_the_first_entry_on_instead_of_the_journals() -> None:
    half = len(happened()) // 2
    entries = [LIVE, *happened()[:half], LIVE, *happened()[half:]]
    found = ran(Plan(LIVE, TRIED, is_live=False), entries)
    assert found.made == replayed([TRIED, *happened()[:half], TRIED, *happened()[half:]])
    assert totals(found) == {"card_testing": Day(unchanged=1, gained=1, lost=1)}


def test_positions_are_those_of_the_journal_also_where_the_first_entry_is_an_event() -> None:
    found, journaled = (ran(Plan(TRIED, LIVE), [*before, *happened()]) for before in ([], [Tick(0)]))
    assert totals(found) == totals(journaled) == {"card_testing": Day(unchanged=1, gained=1, lost=1)}
    assert found.entries["event"] == journaled.entries["event"]


def test_without_named_rules_the_old_side_switches_where_the_journal_does() -> None:
    first, rest = happened()[:9], happened()[9:]
    entries = [LIVE, *first, TRIED, *rest]
    found = ran(Plan(LIVE), entries)
    assert found.made == replayed(entries)
    assert found.versions == [LIVE.version, TRIED.version]
    assert totals(found) == {"card_testing": Day(unchanged=2, lost=1)}


def test_since_warms_up_with_what_was_live_and_compares_from_then_on() -> None:
    since_ms = scenario.after_ms("P20DT30M")  # between the third small purchase and its large one
    found = ran(Plan(TRIED, since_ms=since_ms), [LIVE, *happened()])
    assert totals(found) == {"card_testing": Day(gained=1)}
    assert found.span_ms[0] == scenario.after_ms("P20DT1H")
    assert dict(found.figures["new"]["card_testing"].answers) == {"fraud": 1}
    assert found.made == replayed([LIVE, *happened()]), "the live side is checked from the beginning"


def test_since_without_warming_up_would_miss_it() -> None:
    since_ms = scenario.after_ms("P20DT30M")
    late = [one for one in happened() if getattr(getattr(one, "event", one), "at_ms", 0) >= since_ms]
    assert totals(ran(Plan(TRIED), [LIVE, *late])) == {}


def test_since_after_the_end_compares_nothing() -> None:
    found = ran(Plan(TRIED, since_ms=scenario.after_ms("P900D")), [LIVE, *happened()])
    assert (totals(found), found.figures) == ({}, {"old": {}, "new": {}})


def test_only_decisions_on_entries_below_the_mark_are_to_be_live_ones() -> None:
    entries = [LIVE, *happened()]
    before = replayed(entries[:5])
    assert ran(Plan(TRIED), entries, checked_below=5).made == before
    assert len(before) < len(replayed(entries))


def test_nothing_is_known_of_offers_where_the_old_side_is_not_what_was_live() -> None:
    entries = scenario.journal(scenario.of_trigger("win_back")[0])
    assert isinstance(entries[0], ConfigVersion)
    several = [ran(Plan(entries[0], is_live=is_live), entries).figures["new"]["win_back"] for is_live in (True, False)]
    assert [one.sent for one in several] == [1, 1]
    assert [one.treated.total for one in several] == [1, 0]
