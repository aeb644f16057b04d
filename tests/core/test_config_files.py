"""Configuration from files: what a person wrote is what counts, and each fault is told where it stands."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents import config_files, yaml_file
from agents.config_parts import ConfigError
from agents.settings import PACKAGED_CONFIG
from streams.policy import Policy

RULES = " {card_testing: {mode: shadow, window: PT12H}}"


def write(folder: Path, triggers: str, policy: str | None = None) -> Path:
    (folder / "triggers.yaml").write_text(f"triggers:{triggers}\n")
    if policy is not None:
        (folder / "policy.yaml").write_text(policy)
    return folder


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("21:00", "21:00"),
        ("2026-01-31", "2026-01-31"),
        ("0123", "0123"),
        ("20_000", "20_000"),
        ("20000", 20000),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        ("~", None),
        ("", None),
        ("'7'", "7"),
        ("[1, on]", [1, "on"]),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    assert yaml_file.read(f"key: {text}\n".encode()).value == {"key": value}
    assert type(yaml_file.read(f"key: {text}\n".encode()).value["key"]) is type(value)


@pytest.mark.parametrize(
    ("triggers", "policy", "told"),
    [
        ("\n  card_testin: {}", None, '2: triggers.card_testin: unknown trigger; did you mean "card_testing"?'),
        ("\n  quite_another: {}", None, "2: triggers.quite_another: unknown trigger; expected one of "),
        (
            "\n  card_testing:\n    mode: shadwo",
            None,
            '3: triggers.card_testing.mode: expected one of off, shadow, live; did you mean "shadow"?',
        ),
        (
            "\n  card_testing:\n    mode: LIVE",
            None,
            'card_testing.mode: expected one of off, shadow, live; did you mean "live"?',
        ),
        ("\n  card_testing:\n    mode: true", None, "3: triggers.card_testing.mode: expected one of off, shadow, live"),
        (
            "\n  card_testing:\n    mode: off\n    windw: P1D",
            None,
            '4: triggers.card_testing.windw: unknown key; did you mean "window"?',
        ),
        (
            "\n  card_testing:\n    window: 86400",
            None,
            "3: triggers.card_testing.window: Expected `duration`, got `int`; a duration is ISO 8601",
        ),
        (
            "\n  card_testing:\n    window: a day",
            None,
            "3: triggers.card_testing.window: Invalid ISO8601 duration; a duration is ISO 8601",
        ),
        (
            "\n  card_testing:\n    small_minor_max: -1",
            None,
            "3: triggers.card_testing.small_minor_max: Expected `int` >= 0",
        ),
        (
            "\n  card_testing:\n    history_min: 60",
            None,
            "2: triggers.card_testing: Expected `history_min` <= `history_kept_max`",
        ),
        ("\n  card_testing: shadow", None, "2: triggers.card_testing: expected settings, as in {mode: shadow}"),
        ("\n  - card_testing", None, "1: triggers: expected `name: value` lines below it"),
        (
            "\n  card_testing: {}\n  card_testing: {}",
            None,
            "3: the key 'card_testing' stands here a second time, first in line 2",
        ),
        (" {}\ncard_testing: {}", None, "2: card_testing: unknown key; only `triggers:` stands here"),
        (" [", None, "triggers.yaml:2: "),
        ("\n  a: &x 1\n  b: *x", None, "3: an alias (*name) can't be used here"),
        ("\n  a: !!python/name:os.system x", None, "2: a tag"),
        (
            " {}",
            "# limits\npolicy:\n  cool_dwn: P14D",
            'policy.yaml:3: policy.cool_dwn: unknown key; did you mean "cool_down"?',
        ),
        (" {}", "policy:\n  held_kept_max: 0", "policy.yaml:2: policy.held_kept_max: Expected `int` >= 1"),
        (" {}", "- 1", "policy.yaml:1: expected `policy:` and the settings below it"),
        (" {}", "", "policy.yaml:1: expected `policy:` and the settings below it"),
    ],
)
def test_a_fault_is_told_with_file_line_path_and_a_suggestion(
    tmp_path: Path, triggers: str, policy: str | None, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        config_files.load(write(tmp_path, triggers, policy))
    assert told in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        config_files.load(
            write(tmp_path, "\n  card_testing: {mode: on}\n  nothing_like_it: {}", "policy:\n  cool_down: 3")
        )
    assert [(Path(one.file).name, one.line) for one in refused.value.problems] == [
        ("policy.yaml", 2),
        ("triggers.yaml", 2),
        ("triggers.yaml", 3),
    ]


def test_a_folder_without_triggers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"triggers\.yaml:1: can't be read \(No such file or directory\)"):
        config_files.load(tmp_path)


def test_without_a_policy_it_has_its_defaults_and_what_is_not_named_is_off(tmp_path: Path) -> None:
    bare = config_files.load(write(tmp_path, RULES))
    assert bare.policy.cool_down == timedelta(days=14)
    assert {name for name, one in bare.triggers.items() if one.mode != "off"} == {"card_testing"}
    same = config_files.load(write(tmp_path, RULES, "policy: {cool_down: P14D}"))
    assert same.version == bare.version
    other = config_files.load(write(tmp_path, RULES, "policy: {cool_down: P15D}"))
    assert other.version != bare.version


def test_the_shipped_policy_is_valid_and_says_the_defaults(tmp_path: Path) -> None:
    shipped = (PACKAGED_CONFIG / "policy.yaml").read_text()
    assert config_files.load(write(tmp_path, "", shipped)).policy == config_files.load(write(tmp_path, "")).policy
    assert set(yaml_file.read(shipped.encode()).value["policy"]) == set(Policy.__struct_fields__)


def test_the_shipped_rules_are_valid() -> None:
    shipped = config_files.load(PACKAGED_CONFIG)
    assert "live" in {one.mode for one in shipped.triggers.values()}
