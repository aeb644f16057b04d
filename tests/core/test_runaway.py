"""The guard against triggers that run away: from the journal alone, bounded, and released by an entry."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.metrics import PREFIX, Metrics
from agents.rules_shown import RulesShown
from streams.actions import Decision
from streams.journal import Entry, Release, Tick
from streams.partition import JournalRecord, Partition
from streams.policy import Cadence, Caps, Limit, Policy, RunawayGuard
from streams.runaway import HOUR_MS, Rate, Runaway, decode
from tests.core.test_engine import Journal, at_once, listener, login, profile, rules

DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000
POLICY = Policy(runaway=RunawayGuard(offer=Limit(10, 3), fraud=Limit(50, 3), days_kept=3))


def sent(action: str = "win_back_offer", trigger: str = "win_back") -> Decision:
    known = {"customer": "c1", "config_version": "v1", "event_at_ms": 0, "decided_at_ms": 0}
    return Decision(id="d", candidate="d", trigger=trigger, family="any", action=action, outcome="sent", **known)


def fill(guard: Runaway, count: int, at_ms: int, action: str = "win_back_offer") -> list[int]:
    """Send so many; the numbers of those at which the trigger was held."""
    return [number for number in range(1, count + 1) if guard.sent(sent(action), at_ms, POLICY)]


def test_the_floor_is_allowed_to_a_trigger_without_a_past() -> None:
    guard = Runaway(None)
    assert fill(guard, 12, 0) == [11]
    assert guard.held == {"win_back"}


def test_three_times_the_busiest_hour_of_the_last_days_is_allowed() -> None:
    guard = Runaway(None)
    assert fill(guard, 10, 0) == fill(guard, 2, HOUR_MS) == []
    assert fill(guard, 31, 2 * HOUR_MS) == [31]


def test_what_lies_further_back_is_forgotten() -> None:
    guard = Runaway(None)
    assert fill(guard, 10, 0) == []
    assert fill(guard, 12, 4 * DAY_MS) == [11]


def test_each_purpose_has_its_own_limit_and_count_and_holds_the_whole_trigger() -> None:
    guard = Runaway(None)
    assert fill(guard, 50, 0, "clear") == fill(guard, 10, 0) == []
    assert fill(guard, 1, 0, "clear") == [1]
    assert guard.held == {"win_back"}


def test_a_released_trigger_is_free_for_a_time_and_has_a_new_habit_then() -> None:
    guard = Runaway(None)
    fill(guard, 11, 0)
    assert not guard.release(Release("lapsed", 0), 0, POLICY)
    assert guard.release(Release("win_back", 0), 0, POLICY)
    assert fill(guard, 200, HOUR_MS) == []
    assert fill(guard, 601, 2 * DAY_MS) == [601]


@given(st.lists(st.tuples(st.integers(0, 40 * DAY_MS), st.sampled_from(["win_back_offer", "clear"])), max_size=200))
def test_its_record_is_bounded_and_a_restart_changes_nothing(rows: list[tuple[int, str]]) -> None:
    guard, restarted = Runaway(None), Runaway(None)
    for at_ms, action in sorted(rows):
        restarted = Runaway(restarted.encode())
        assert guard.sent(sent(action), at_ms, POLICY) == restarted.sent(sent(action), at_ms, POLICY)
    assert guard.encode() == restarted.encode()
    assert all(len(rate.busiest) <= 4 for rate in decode(guard.encode()).rates.values())


@given(st.lists(st.integers(0, 3 * HOUR_MS), max_size=300))
def test_never_more_than_allowed_is_sent_in_an_hour(times_ms: list[int]) -> None:
    guard, hours = Runaway(None), {}
    for at_ms in sorted(times_ms):
        if guard.held:
            break
        hour = at_ms // HOUR_MS
        usual = max([count for one, count in hours.items() if one < hour], default=0)
        hours[hour] = hours.get(hour, 0) + 1
        assert guard.sent(sent(), at_ms, POLICY) == (hours[hour] > max(10, 3 * usual))


def test_a_late_hour_of_another_clock_does_not_stop_the_count() -> None:
    rate = Rate()
    rate.turn(5 * HOUR_MS, 3)
    rate.count = 7
    rate.turn(4 * HOUR_MS, 3)
    assert (rate.hour, rate.count, rate.most(Limit(1, 2))) == (4, 0, 14)


def runaway_rules(**guard: Any) -> Any:
    return rules(
        listener(at_once),
        runaway=RunawayGuard(offer=Limit(2, 1), **guard),
        cool_down=timedelta(0),
        cadence=Cadence(timedelta(0), timedelta(0)),
        caps=Caps(100, 100, 100),
    )


def many(first: int, count: int, at_ms: int) -> list[Entry]:
    """Customers with a profile who log in."""
    customers = [f"c{number}" for number in range(first, first + count)]
    return [entry for one in customers for entry in (profile(one), login(one, at_ms))]


def test_a_held_trigger_is_silent_with_a_reason_for_everybody_until_it_is_released() -> None:
    journal = Journal(runaway_rules())
    journal.take(Tick(0))
    told = journal.take(*many(0, 5, 1000))
    assert [(one.outcome, one.reason) for one in told] == [
        *[("sent", None)] * 3,
        *[("suppressed", "runaway")] * 2,
    ]
    told = journal.take(Tick(DAY_MS), *many(5, 1, DAY_MS))
    assert [one.reason for one in told] == ["runaway"], "time alone doesn't release it"
    told = journal.take(Release("tested", DAY_MS), *many(6, 9, DAY_MS))
    assert {one.outcome for one in told} == {"sent"}
    told = journal.take(Tick(3 * DAY_MS), *many(20, 11, 3 * DAY_MS))
    assert [one.outcome for one in told].count("sent") == 10, "nine are usual now, the tenth is the last"


@pytest.mark.parametrize("cut", range(1, 12))
def test_the_guard_is_the_same_after_a_restart(cut: int) -> None:
    entries = [Tick(0), *many(0, 5, 1000), Release("tested", 0), *many(5, 3, 2000)]
    records = [JournalRecord(offset, one) for offset, one in enumerate(entries)]
    whole = Partition({})
    whole.rules = runaway_rules()
    expected = whole.compute(records).decisions
    first = Partition({})
    first.rules = runaway_rules()
    begun = first.compute(records[:cut])
    second = Partition({key: blob for key, blob in begun.changes.items() if blob is not None})
    second.rules = runaway_rules() if not second.rules.held else first.rules
    assert begun.decisions + second.compute(records[cut:]).decisions == expected


def test_an_operator_sees_which_trigger_is_held() -> None:
    metrics, partition = Metrics(), Partition({})
    shown = RulesShown(metrics)

    def held() -> float | None:
        return metrics.registry.get_sample_value(f"{PREFIX}runaway_partitions", {"trigger": "win_back"})

    assert held() == 0
    partition.rules = rules(listener(at_once))
    for number, names in ((0, {"win_back"}), (1, {"win_back", "lapsed"})):
        partition.rules = replace(partition.rules, held=frozenset(names))
        shown.show(number, partition)
    assert held() == 2
    shown.drop(1)
    assert held() == 1
