"""A shadow set sees what the live one sees, and changes nothing: decisions and state are the same without it."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from streams import config, rules, state
from streams.actions import Decision, destinations, encode_decision
from streams.config_diff import differences
from streams.events import EVENT_TYPES, Interaction
from streams.journal import ConfigVersion, Entry, EventEntry, Source, Tick
from streams.partition_record import RESERVED_KEYS
from streams.rules import Rules, ShadowSet
from streams.trigger import Candidate, load
from tests.core import scenario
from tests.core.any_entry import any_event
from tests.core.scenario import CUSTOMER, World
from tests.core.test_engine import Journal, at_once, listener, login, profile
from tests.core.test_engine import rules as rules_of

DAY_MS = 86_400_000
# Others than the shipped ones, so that what the shadow sets remember and find is another thing.
TRIED: dict[str, dict[str, Any]] = {
    "card_testing": {"small_minor_max": 9_000, "large_minor_min": 9_001, "usual_times_min": 1, "trust": "P1D"},
    "balance_drop": {"average_minor_min": 1_000, "share_percent_min": 5, "observed_min": "P1D"},
    "negative_feedback": {"score_max": 8, "rest": "PT0S"},
    "win_back": {"wait": "P1D"},
    "lapsed": {"risk": 0.9},
}


def with_shadow(entry: ConfigVersion, tried: dict[str, dict[str, Any]]) -> ConfigVersion:
    """The same version, with shadow sets beside."""
    document = msgspec.json.decode(entry.content)
    for name, settings_of in document["triggers"].items():
        settings_of["shadow"] = {key: value for key, value in settings_of.items() if key != "mode"}
        settings_of["shadow"] |= tried.get(name, {})
    built = config.build(document)
    return ConfigVersion(built.version, config.encode(built), entry.at_ms)


def beside(entries: Iterable[Entry], tried: dict[str, dict[str, Any]]) -> list[Entry]:
    """The same journal, but that every config version has shadow sets."""
    return [with_shadow(one, tried) if isinstance(one, ConfigVersion) else one for one in entries]


def told(decisions: Iterable[Decision]) -> list[bytes]:
    """What isn't of a shadow set, as it is published, but for the version that it names."""
    live = [one for one in decisions if one.parameter_set == "main"]
    return [encode_decision(replace(one, config_version="")) for one in live]


def live_state(world: World) -> dict[bytes, state.Customer]:
    """Every customer without what shadow sets have, and when none is due any more by them."""
    blobs = {key: blob for key, blob in world.kept.items() if key not in RESERVED_KEYS}
    return {key: replace(state.decode(blob), beside=b"") for key, blob in blobs.items()}


@pytest.mark.parametrize("case", scenario.all_cases())
def test_every_case_is_decided_the_same_beside_shadow_sets(case: scenario.Case) -> None:
    entries = scenario.journal(case)
    alone, watched = World(), World()
    expected = told(alone.take(entries))
    found = watched.take(beside(entries, TRIED))
    assert told(found) == expected
    assert {one.outcome for one in found if one.parameter_set == "shadow"} <= {"shadow"}
    for one, other in zip(live_state(alone).items(), live_state(watched).items(), strict=True):
        assert one[0] == other[0]
        assert replace(one[1], position=0, now_ms=0) == replace(other[1], position=0, now_ms=0)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 40 * DAY_MS), min_size=10, max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_journal_is_decided_the_same_beside_shadow_sets(seed: int, gaps_ms: list[int]) -> None:
    chance, at_ms = random.Random(seed), scenario.EPOCH_MS  # noqa: S311 - the test's own
    entries: list[Entry] = [scenario.rules(scenario.Case("", [], []))]
    for number, gap_ms in enumerate(gaps_ms):
        at_ms += gap_ms // 8
        if chance.random() < 0.3:
            entries.append(Tick(at_ms))
        else:
            event = any_event(chance.choice(EVENT_TYPES), chance, number, f"c{number % 3}")
            event.at_ms = at_ms
            entries.append(EventEntry(event, Source("any", 0, number)))
    entries.append(Tick(at_ms + 900 * DAY_MS))
    expected = World().take(entries)
    assert told(World().take(beside(entries, TRIED))) == told(expected)


@pytest.mark.parametrize("case", scenario.all_cases())
def test_with_the_same_parameters_it_proposes_what_the_live_set_proposes(case: scenario.Case) -> None:
    found = scenario.run(beside(scenario.journal(case), {}))
    live = {one.candidate for one in found if one.parameter_set == "main" and one.outcome != "failed"}
    shadow = {one.candidate for one in found if one.parameter_set == "shadow"}
    switched = sum(isinstance(one, ConfigVersion) for one in scenario.journal(case)) > 1
    assert live <= shadow or switched


@pytest.mark.parametrize("case", scenario.all_cases())
def test_a_restart_between_any_two_entries_changes_nothing(case: scenario.Case) -> None:
    entries = beside(scenario.journal(case), TRIED)
    world, restarted = World(), []
    for entry in entries:
        world = World(world.kept)
        restarted += world.take([entry])
    assert restarted == scenario.run(entries)


def test_its_decisions_name_it_have_ids_of_their_own_and_go_to_no_action_topic() -> None:
    case = next(one for one in scenario.of_trigger("card_testing") if "verify_with_cardholder" in one.expect)
    found = scenario.run(beside(scenario.journal(case), {}))
    shadow = [one for one in found if one.parameter_set == "shadow"]
    assert shadow
    assert {destinations(one) for one in shadow} == {("decisions",)}
    assert len({one.id for one in found}) == len(found)
    assert not {one.id for one in shadow} & {one.candidate for one in shadow}


def breaks(entry: Interaction, _: Any, parameters: Any) -> Any:
    """As the live rule, which has no parameters; breaks with those of the shadow set."""
    if isinstance(parameters, Broken):
        raise KeyError(entry.id)
    yield from at_once(entry, _, parameters)


class Broken(Struct, frozen=True):
    """Parameters with which a rule breaks."""


def broken_rules(action: str = "") -> Rules:
    one = listener(breaks if not action else strange)
    tried = replace(one, beside=ShadowSet("broken", Broken()))
    chosen = rules_of(tried)
    return replace(chosen, shadow_sets={"tested": "broken"})


def strange(entry: Interaction, _: Any, parameters: Any) -> Any:
    """With the shadow set's parameters it proposes what no action is."""
    action = "no_such_action" if isinstance(parameters, Broken) else "loan_offer"
    yield Candidate(action=action, at_ms=entry.at_ms, causes=(entry.cause,), because="a login")


@pytest.mark.parametrize("action", ["", "no_such_action"])
def test_a_set_that_breaks_is_told_and_the_live_one_goes_on(action: str) -> None:
    found = Journal(broken_rules(action)).take(profile("c1"), login("c1", 1000))
    assert [(one.outcome, one.parameter_set, one.reason) for one in found] == [
        ("sent", "main", None),
        ("shadow", "shadow", "KeyError"),
    ]


def version(trigger: dict[str, Any]) -> ConfigVersion:
    built = config.build({"policy": scenario.PLAIN, "triggers": {"win_back": {"mode": "live", **trigger}}})
    return ConfigVersion(built.version, config.encode(built), 0)


def cancelled(number: int, at_ms: int) -> EventEntry:
    given = {"type": "contract", "id": f"x{number}", "contract": f"k{number}", "product": "p", "status": "cancelled"}
    return EventEntry(
        msgspec.convert({**given, "customer": CUSTOMER, "at_ms": at_ms}, scenario.AnyEvent), Source("any", 0, number)
    )


def test_another_set_begins_with_the_live_sub_state_and_the_last_ones_is_dropped() -> None:
    world = World()
    world.take([version({"wait": "P9D", "shadow": {"wait": "P1D"}}), cancelled(1, 0)])
    first = state.decode(world.kept[CUSTOMER.encode()]).beside
    assert first
    world.take([version({"wait": "P9D", "shadow": {"wait": "P2D"}})])
    assert world.take([Tick(2 * DAY_MS)]) == [], "the first set waits no more, and the second hasn't seen the customer"
    world.take([cancelled(2, 2 * DAY_MS + 1)])
    found = world.take([Tick(5 * DAY_MS)])
    assert {(one.parameter_set, len(one.causes)) for one in found} == {("shadow", 1)}
    assert {one.causes[0].event for one in found} == {"x1", "x2"}, "what the live set knew, the new one knows"
    world.take([version({"wait": "P9D"}), cancelled(3, 6 * DAY_MS)])
    assert state.decode(world.kept[CUSTOMER.encode()]).beside == b""


def test_what_is_not_named_is_as_in_the_live_set_and_off_is_off() -> None:
    document = {"triggers": {"card_testing": {"mode": "live", "window": "P3D", "shadow": {"history_min": 4}}}}
    built = config.build(document)
    shadow = built.triggers["card_testing"].shadow
    assert shadow is not None
    assert msgspec.to_builtins(shadow)["window"] == "P3D"
    assert config.decode(config.encode(built), built.version) == built
    assert rules.compile_rules(built).shadow_sets.keys() == {"card_testing"}
    document["triggers"]["card_testing"]["mode"] = "off"
    assert rules.compile_rules(config.build(document)).shadow_sets == {}
    assert config.build(document).version == config.build({}).version


def test_a_difference_shows_what_a_set_has_otherwise() -> None:
    def built(**trigger: Any) -> config.Config:
        return config.build({"triggers": {"card_testing": {"mode": "live", **trigger}}})

    def changes(old: config.Config, new: config.Config) -> list[tuple[str, Any, Any]]:
        return [(one.path, one.old, one.new) for one in differences(old, new)]

    one, two = built(shadow={"window": "P2D"}), built(shadow={"window": "P3D"})
    assert changes(built(), one) == [("triggers.card_testing.shadow", None, {"window": "P2D"})]
    assert changes(one, two) == [("triggers.card_testing.shadow.window", "P2D", "P3D")]
    assert changes(one, built(window="P2D")) == [
        ("triggers.card_testing.window", "P1D", "P2D"),
        ("triggers.card_testing.shadow", {"window": "P2D"}, None),
    ]


def test_no_parameter_is_named_as_what_stands_beside_the_parameters() -> None:
    for one in load().values():
        assert not {"mode", "shadow"} & set(one.config.__struct_fields__)
