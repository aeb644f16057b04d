"""A customer's time never runs backwards, in whatever order events and ticks come."""

from collections.abc import Iterator
from random import Random
from typing import Any

from msgspec.structs import replace

from streams import state
from streams.actions import Decision
from streams.events import Cause
from streams.journal import Entry, Tick
from streams.trigger import Candidate
from tests.core import scenario
from tests.core.test_engine import (
    DAY_MS,
    Journal,
    NoParameters,
    Waiting,
    held_journal,
    listener,
    login,
    profile,
    rules,
    visit,
)


def daily(entry: Any, own: Waiting, _: NoParameters) -> Iterator[Candidate]:
    """A day after a login it offers, and waits for the next day."""
    if isinstance(entry, Tick):
        causes = (Cause(str(entry.at_ms), 0),)
        yield Candidate(action="loan_offer", at_ms=entry.at_ms, causes=causes, because="another day")
    own.due_ms = entry.at_ms + DAY_MS


def times(decisions: list[Decision]) -> list[tuple[str, int]]:
    return [(one.outcome, one.decided_at_ms // DAY_MS) for one in decisions]


def shuffled(case: scenario.Case, seed: int) -> list[Entry]:
    """A case's events in any order, its ticks up to a year behind them."""
    chance = Random(seed)  # noqa: S311 - a test's own order
    version, *entries = scenario.journal(case)
    chance.shuffle(entries)
    behind_ms = chance.randrange(400) * DAY_MS
    return [version, *(replace(one, at_ms=one.at_ms - behind_ms) if isinstance(one, Tick) else one for one in entries)]


def is_in_order(decisions: list[Decision]) -> bool:
    """Whether no decision on a customer is older than the one before."""
    names = {one.customer for one in decisions}
    by_customer = [[one.decided_at_ms for one in decisions if one.customer == name] for name in names]
    return all(several == sorted(several) for several in by_customer)


def test_no_decision_on_a_customer_is_older_than_the_one_before() -> None:
    cases = [one.values[0] for one in scenario.all_cases()]
    assert [c.name for c in cases for seed in range(4) if not is_in_order(scenario.run(shuffled(c, seed)))] == []


def test_a_late_event_lets_a_held_offer_go_at_the_customers_time() -> None:
    journal = held_journal()
    told = journal.take(login("c1", 5 * DAY_MS))
    customer = journal.customer("c1")
    customer.facts.dossier.fraud_checks[0].answer = "genuine"
    journal.partition.table[b"c1"] = state.encode(customer)
    told += journal.take(visit("c1", 2 * DAY_MS))
    assert times(told) == [("held", 5), ("sent", 5)]


def test_a_tick_behind_the_customers_events_tells_triggers_its_own_time() -> None:
    """What is due by the customer's last event, and not by the tick, waits for the tick: others may come late."""
    journal = Journal(rules(listener(daily)))
    journal.take(profile("c1"), login("c1", DAY_MS), visit("c1", 9 * DAY_MS))
    assert times(journal.take(Tick(2 * DAY_MS))) == [("sent", 9)]
    assert journal.customer("c1").due == {"tested": 3 * DAY_MS}
    told = journal.take(Tick(3 * DAY_MS), Tick(10 * DAY_MS))
    assert [(one.event_at_ms // DAY_MS, one.decided_at_ms // DAY_MS) for one in told] == [(3, 9), (10, 10)]


def test_another_customers_time_is_its_own() -> None:
    journal = Journal(rules(listener(daily)))
    journal.take(profile("c1"), profile("c2"), login("c1", 9 * DAY_MS), login("c2", DAY_MS))
    assert times(journal.take(Tick(2 * DAY_MS))) == [("sent", 2)]
