"""The generic suite: how every registered trigger must behave, whoever wrote it."""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from streams import events, state
from streams.actions import Decision
from streams.facts import Facts
from streams.journal import Entry, EventEntry, Source, Tick
from streams.partition_record import PARTITION_KEY, PartitionRecord
from streams.rules import Rules
from streams.trigger import Candidate, Rule, Trigger, load
from tests.core import scenario
from tests.core.any_entry import any_entry, any_event
from tests.core.scenario import World

ROOT = Path(__file__).parents[2]
SOURCE = Source("test", 0, 0)
KEPT_MAX = 5
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


@pytest.mark.parametrize("case", scenario.all_cases())
def test_same_journal_same_bytes_however_it_is_cut(case: scenario.Case) -> None:
    entries = scenario.journal(case)
    assert scenario.digest(entries) == scenario.digest(entries)
    world, restarted = World(), []
    for entry in entries:
        world = World(world.kept)
        restarted += world.take([entry])
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
    world, broken = World(), 0
    for entry in scenario.journal(case):
        fails = World(world.kept)
        fails.partition.rules = _with_rule(fails.partition.rules, one, _breaking(one.rule, step))
        decisions = fails.take([entry])
        assert fails.sub_state(one.name) == world.sub_state(one.name)
        broken += sum(decision.reason == "BrokenError" for decision in decisions)
        world.take([entry])
    happened = [entry.event for entry in scenario.journal(case) if isinstance(entry, EventEntry)]
    assert broken or not any(type(event) in one.on and _heeds(one, event) for event in happened)


def _with_rule(rules: Rules, one: Trigger, rule: Rule) -> Rules:
    """The same rules, but for the rule of one trigger."""
    listeners = {
        name: replace(listener, trigger=replace(one, rule=rule)) if name == one.name else listener
        for name, listener in rules.listeners.items()
    }
    hearing = {
        kind: tuple(listeners[listener.trigger.name] for listener in hears) for kind, hears in rules.hearing.items()
    }
    return replace(rules, listeners=listeners, hearing=hearing)


def _breaking(rule: Rule, step: int) -> Rule:
    """The rule, breaking at its `step`th candidate, or at its end."""

    def broken(*arguments: Any) -> Iterator[Candidate]:
        for number, candidate in enumerate(rule(*arguments)):
            if number == step:
                break
            yield candidate
        raise BrokenError

    return broken


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
    late, shuffled, happenedso_far = random.Random(seed), [], []  # noqa: S311 - a test's own order
    for entry in entries:
        if isinstance(entry, EventEntry):
            happenedso_far.append((entry.event.at_ms + late.randrange(SHUFFLED_WITHIN_MS), entry))
            continue
        shuffled += [one for _, one in sorted(happenedso_far, key=lambda pair: pair[0])] + [entry]
        happenedso_far = []
    return shuffled + [one for _, one in sorted(happenedso_far, key=lambda pair: pair[0])]


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
    world = World()
    decisions = world.take([*scenario.journal(case), ticks[0]])
    assert len({decision.id for decision in decisions}) == len(decisions)
    assert not [decision for decision in world.take(ticks[1:]) if decision.trigger == one.name]
    raw = world.sub_state(one.name)
    due_ms = getattr(msgspec.msgpack.decode(raw, type=one.state), "due_ms", None) if raw else None
    assert due_ms is None or due_ms > ticks[-1].at_ms


@every_trigger
def test_state_stays_small(one: Trigger) -> None:
    sizes, actions = [], 0
    for own, fired in _after_each_entry(one, one.config(), 10_000):
        sizes.append(len(msgspec.msgpack.encode(own)))
        actions += fired
    assert actions, "the entries never made it fire: the bound was not put to the test"
    assert max(sizes) <= one.state_bytes_max


@every_trigger
def test_every_list_keeps_its_bound(one: Trigger) -> None:
    bounds = {name: KEPT_MAX for name in one.config.__struct_fields__ if name.endswith("_kept_max")}
    lengths = [length for own, _ in _after_each_entry(one, one.config(**bounds), 3000) for length in _lengths(own)]
    assert max(lengths, default=0) == (KEPT_MAX if bounds else 0), "a bound that is reached, or no list at all"


def _after_each_entry(one: Trigger, parameters: Struct, count: int) -> Iterator[tuple[Struct, int]]:
    """The state, stored, after each that it heeds of so many entries, and how often that entry made it fire."""
    chance, own, facts = random.Random(7), one.state(), Facts()  # noqa: S311 - seeded
    for number in range(count):
        entry = any_entry(one.on, chance, number)
        if not _heeds(one, entry):
            continue
        arguments = (entry, own, parameters, facts)
        fired = len(list(one.rule(*arguments[: 4 if one.with_customer else 3])))
        own = msgspec.msgpack.decode(msgspec.msgpack.encode(own), type=one.state)
        yield own, fired


def _heeds(one: Trigger, entry: Any) -> bool:
    return isinstance(entry, Tick) or one.heeds is None or one.heeds(entry)


def _lengths(value: Any) -> Iterator[int]:
    """How long each list and map is, at any depth."""
    if isinstance(value, Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, dict | list | bytearray):
        yield len(value)
        parts = [*value.values()] if isinstance(value, dict) else [*value]
    else:
        return
    for part in parts:
        yield from _lengths(part)


@every_trigger
def test_other_entries_leave_its_state_undecoded(one: Trigger) -> None:
    world = World()
    world.take([scenario.rules(scenario.Case("", [], []))])
    unreadable = msgspec.msgpack.encode("not this trigger's state")
    customer = state.encode(state.Customer(triggers={one.name: unreadable}))
    uncounted = msgspec.msgpack.encode(PartitionRecord(0))
    world = World(world.kept | {scenario.CUSTOMER.encode(): customer, PARTITION_KEY: uncounted})
    chance = random.Random(3)  # noqa: S311 - seeded
    others = [kind for kind in events.EVENT_TYPES if kind not in one.on]
    several = [any_event(kind, chance, n, scenario.CUSTOMER) for n, kind in enumerate(others)]
    own = [kind for kind in events.EVENT_TYPES if kind in one.on]
    more = [any_event(kind, chance, n, scenario.CUSTOMER) for kind in own for n in range(100, 200)]
    several += [event for event in more if not _heeds(one, event)]
    entries = [EventEntry(event, SOURCE) for event in several]
    assert [decision for decision in world.take(entries) if decision.trigger in (one.name, "engine")] == []
    assert world.sub_state(one.name) == unreadable


@every_trigger
def test_off_is_silent_and_shadow_only_watches(one: Trigger) -> None:
    for case in scenario.of_trigger(one.name):
        world = World()
        world.take(scenario.journal(case, {one.name: "off"}))
        assert world.sub_state(one.name) is None
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
