"""Versions of the config: how they differ, and which ones a journal holds."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.config_versions import Applied, History, together
from streams import config
from streams.config_diff import differences
from streams.events import EVENT_TYPES
from streams.journal import ConfigVersion, EventEntry, Source, Tick, encode_entry, is_config
from tests.core.any_entry import any_event
from tests.core.scenario import CUSTOMER


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.old, one.new) for one in differences(config.build(old), config.build(new))]


def test_only_what_differs_is_told_with_its_path() -> None:
    assert changes({}, {}) == []
    assert changes({}, {"policy": {"caps": {"day": 2}, "cool_down": "P14D"}}) == [("policy.caps.day", 1, 2)]
    watched = {"triggers": {"card_testing": {"mode": "shadow", "window": "P2D"}}}
    live = {"triggers": {"card_testing": {"mode": "live", "window": "P3D"}}}
    assert changes(watched, live) == [
        ("triggers.card_testing.mode", "shadow", "live"),
        ("triggers.card_testing.window", "P2D", "P3D"),
    ]


def test_switched_on_is_told_with_what_is_not_default_and_switched_off_without() -> None:
    on = {"triggers": {"card_testing": {"mode": "live", "window": "P2D"}}}
    assert changes({}, on) == [
        ("triggers.card_testing.mode", "off", "live"),
        ("triggers.card_testing.window", "P1D", "P2D"),
    ]
    assert changes(on, {}) == [("triggers.card_testing.mode", "live", "off")]


def test_what_comes_and_goes_in_a_mapping_has_nothing_on_one_side() -> None:
    one, two = ({"policy": {"offers": {}, "segments": segments}} for segments in ({"high": 1}, {"high": 1, "top": 9}))
    assert changes(one, two) == [("policy.segments.top", None, 9)]
    assert changes(two, one) == [("policy.segments.top", 9, None)]


@given(st.sampled_from(["P1D", "P2D"]), st.sampled_from(["off", "shadow", "live"]), st.integers(0, 3))
def test_a_difference_is_told_exactly_where_the_versions_differ(window: str, mode: str, day: int) -> None:
    old = {"triggers": {"card_testing": {"mode": "live", "window": "P1D"}}, "policy": {"caps": {"day": 1}}}
    new = {"triggers": {"card_testing": {"mode": mode, "window": window}}, "policy": {"caps": {"day": day}}}
    same = config.build(old).version == config.build(new).version
    assert same == (changes(old, new) == [])


def version(name: str, at_ms: int) -> ConfigVersion:
    return ConfigVersion(name, b"{}", at_ms, "because", "ada")


def test_entries_that_were_applied_at_once_are_one() -> None:
    a, b = version("a", 1), version("b", 2)
    journal = [(0, 5, a), (1, 3, a), (0, 9, b), (1, 4, b), (0, 12, a), (1, 8, a)]
    found = together([*journal[::2], *journal[1::2]])
    assert [(one.version, one.positions) for one in found] == [
        ("a", {0: 5, 1: 3}),
        ("b", {0: 9, 1: 4}),
        ("a", {0: 12, 1: 8}),
    ]
    history = History(found, 2)
    assert history.live is found[2]
    assert history.before is found[1]
    assert history.named("a") == [found[2]]


def test_what_is_not_in_every_partition_is_not_live() -> None:
    history = History([Applied(version("a", 1), {0: 1, 1: 1}), Applied(version("b", 2), {0: 2})], 2)
    assert history.live is None
    assert History([], 2).live is None
    assert History([], 2).before is None


def test_a_version_is_named_by_how_it_begins() -> None:
    several = [Applied(version(name, 1), {}) for name in ("4f1c", "4f1d", "77aa")]
    history = History(several, 0)
    assert history.named("7") == [several[2]]
    assert history.named("4f1") == several[:2]
    assert history.named("4f1d") == [several[1]]
    assert history.named("") == history.named("0") == []


def test_a_config_entry_is_told_without_decoding_it() -> None:
    events = [any_event(kind, random.Random(1), 1, CUSTOMER) for kind in EVENT_TYPES]  # noqa: S311 - seeded
    others = [Tick(5), *(EventEntry(event, Source("t", 0, 0)) for event in events)]
    assert is_config(encode_entry(version("a", 1)))
    assert not any(is_config(encode_entry(one)) for one in others)
