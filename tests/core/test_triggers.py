"""The generic suite: how every registered trigger must behave, whoever wrote it."""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from streams import events, state
from streams.actions import Decision
from streams.facts import Facts
from streams.journal import Entry, EventEntry, Source, Tick
from streams.partition import Partition
from streams.trigger import Candidate, Trigger, load
from tests.core import scenario
from tests.core.any_entry import any_entry, any_event

ROOT = Path(__file__).parents[2]
SOURCE = Source("test", 0, 0)
SHUFFLED_WITHIN_MS = 3_600_000
every_trigger = pytest.mark.parametrize("one", load().values(), ids=load())
every_case = pytest.mark.parametrize(
    ("one", "case"),
    [
        pytest.param(one, case, id=f"{name}: {case.name}")
        for name, one in load().items()
        for case in scenario.of_trigger(name)
    ],
)


class BrokenError(Exception):
    """What a trigger breaks with here."""


def own_state(partition: Partition, one: Trigger) -> bytes | None:
    blob = partition.table.get(scenario.CUSTOMER.encode())
    raw = state.decode(blob).triggers.get(one.name) if blob else None
    return None if raw is None else bytes(raw)


@pytest.mark.parametrize("case", scenario.all_cases())
def test_same_journal_same_bytes_however_it_is_cut(case: scenario.Case) -> None:
    entries = scenario.journal(case)
    assert scenario.digest(entries) == scenario.digest(entries)
    table: dict[bytes, bytes] = {}
    restarted = [
        decision
        for entry in entries
        for _, decisions in scenario.steps([entry], Partition(table))
        for decision in decisions
    ]
    assert restarted == scenario.run(entries)


def test_hash_seed_changes_nothing() -> None:
    command = [sys.executable, "-c", "from tests.core.scenario import digest_of_all; print(digest_of_all())"]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        found = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - our own code
        assert found.stdout.strip() == scenario.digest_of_all()


@pytest.mark.parametrize("step", [0, 1, 2])
@every_case
def test_a_trigger_that_breaks_leaves_its_state(one: Trigger, case: scenario.Case, step: int) -> None:
    broken = 0
    for partition, entry in _before_each(case):
        before = own_state(partition, one)
        listeners = partition.rules.listeners
        listener = replace(listeners[one.name], trigger=replace(one, rule=_breaking(one.rule, step)))
        hearing = {
            kind: tuple(listener if other.trigger.name == one.name else other for other in others)
            for kind, others in partition.rules.hearing.items()
        }
        partition.rules = replace(partition.rules, listeners=listeners | {one.name: listener}, hearing=hearing)
        [(_, decisions)] = scenario.steps([entry], partition)
        assert own_state(partition, one) == before
        broken += sum(decision.reason == "BrokenError" for decision in decisions)
    assert broken


def _breaking(rule: Callable[..., Iterator[Candidate]], step: int) -> Callable[..., Iterator[Candidate]]:
    """The rule, breaking at its `step`th candidate, or at its end."""

    def broken(*arguments: Any) -> Iterator[Candidate]:
        for number, candidate in enumerate(rule(*arguments)):
            if number == step:
                break
            yield candidate
        raise BrokenError

    return broken


def _before_each(case: scenario.Case) -> Iterator[tuple[Partition, Entry]]:
    """A partition of its own in the state before each entry, with that entry."""
    first, *rest = scenario.journal(case)
    [(partition, _)] = scenario.steps([first])
    for entry in rest:
        yield Partition(dict(partition.table)), entry
        [(partition, _)] = scenario.steps([entry], partition)


@pytest.mark.parametrize("event_ids_kept_max", [16, 0])
@every_case
def test_the_same_event_twice_is_one(one: Trigger, case: scenario.Case, event_ids_kept_max: int) -> None:
    """With none remembered, it is the trigger that must not act twice."""
    policy = case.config.get("policy", {}) | {"event_ids_kept_max": event_ids_kept_max}
    first, *rest = scenario.journal(replace(case, config=case.config | {"policy": policy}))
    doubled = [entry for entry in rest for _ in range(2)]
    assert _acts(one, scenario.run([first, *doubled])) == _acts(one, scenario.run([first, *rest]))


@every_case
def test_order_of_arrival_matters_only_where_the_case_says_so(one: Trigger, case: scenario.Case) -> None:
    first, *rest = scenario.journal(case)
    expected = _acts(one, scenario.run([first, *rest]))
    same = [_acts(one, scenario.run([first, *_shuffled(rest, seed)])) == expected for seed in range(8)]
    assert all(same) == (not case.order_matters), "say in the case why the order matters, or that it doesn't"


def _shuffled(entries: list[Entry], seed: int) -> list[Entry]:
    """Events arrive up to an hour after they happened; a tick stays where it is."""
    late, shuffled, events_so_far = random.Random(seed), [], []  # noqa: S311 - a test's own order
    for entry in entries:
        if isinstance(entry, EventEntry):
            events_so_far.append((entry.event.at_ms + late.randrange(SHUFFLED_WITHIN_MS), entry))
            continue
        shuffled += [one for _, one in sorted(events_so_far, key=lambda pair: pair[0])] + [entry]
        events_so_far = []
    return shuffled + [one for _, one in sorted(events_so_far, key=lambda pair: pair[0])]


def _acts(one: Trigger, decisions: list[Decision]) -> Counter[tuple[str, ...]]:
    return Counter(
        (decision.action, decision.outcome, decision.reason or "", *map(str, sorted(decision.subject.items())))
        for decision in decisions
        if decision.trigger == one.name
    )


@every_case
def test_a_due_time_fires_once(one: Trigger, case: scenario.Case) -> None:
    day_ms = 86_400_000
    last_ms = scenario.EPOCH_MS + 1000 * day_ms
    ticks = [Tick(last_ms), Tick(last_ms + day_ms), Tick(last_ms + 2 * day_ms)]
    *_, (_, first), (_, second), (partition, third) = scenario.steps([*scenario.journal(case), *ticks])
    assert not [decision for decision in (*second, *third) if decision.trigger == one.name]
    raw = own_state(partition, one)
    due_ms = getattr(msgspec.msgpack.decode(raw, type=one.state), "due_ms", None) if raw else None
    assert due_ms is None or due_ms > partition.clock_ms
    assert len({decision.id for decision in first}) == len(first)


@every_trigger
def test_state_stays_small(one: Trigger) -> None:
    chance, parameters, facts = random.Random(7), one.config(), Facts()  # noqa: S311 - seeded
    own, largest, actions = one.state(), 0, 0
    for number in range(10_000):
        entry = any_entry(one.on, chance, number)
        arguments = (entry, own, parameters, facts)[: 4 if one.with_customer else 3]
        actions += len(list(one.rule(*arguments)))
        encoded = msgspec.msgpack.encode(own)
        own = msgspec.msgpack.decode(encoded, type=one.state)
        largest = max(largest, len(encoded))
    assert actions, "the entries never made it fire: the bound was not put to the test"
    assert largest <= one.state_bytes_max


@every_trigger
def test_other_entries_leave_its_state_undecoded(one: Trigger) -> None:
    [(partition, _)] = scenario.steps([scenario.rules(scenario.Case("", [], []))])
    unreadable = Raw(msgspec.msgpack.encode("not this trigger's state"))
    customer = state.Customer(triggers={one.name: unreadable})
    partition.table[scenario.CUSTOMER.encode()] = state.encode(customer)
    chance = random.Random(3)  # noqa: S311 - seeded
    others = [kind for kind in events.EVENT_TYPES if kind not in one.on]
    entries = [EventEntry(any_event(kind, chance, n, scenario.CUSTOMER), SOURCE) for n, kind in enumerate(others)]
    found = [decision for _, decisions in scenario.steps(entries, partition) for decision in decisions]
    assert [decision for decision in found if decision.trigger == one.name] == []
    assert own_state(partition, one) == bytes(unreadable)


@every_trigger
def test_off_is_silent_and_shadow_only_watches(one: Trigger) -> None:
    for case in scenario.of_trigger(one.name):
        *_, (partition, _) = scenario.steps(scenario.journal(case, {one.name: "off"}))
        assert own_state(partition, one) is None
        for mode, outcomes in (("off", set()), ("shadow", {"shadow"})):
            found = scenario.run(scenario.journal(case, {one.name: mode}))
            assert {decision.outcome for decision in found if decision.trigger == one.name} <= outcomes


@every_trigger
def test_shadow_sees_what_live_sees(one: Trigger) -> None:
    found = [
        decision
        for case in scenario.of_trigger(one.name)
        for decision in scenario.run(scenario.journal(case, {one.name: "shadow"}))
    ]
    assert any(decision.trigger == one.name and decision.outcome == "shadow" for decision in found)
