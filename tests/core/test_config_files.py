"""Configuration from files: what a person wrote is what counts, and each fault is told where it stands."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents import config_files, yaml_file
from agents.config_files import ConfigError
from agents.settings import PACKAGED_CONFIG
from streams.config import Policy


def write(folder: Path, triggers: str, policy: str | None = None) -> Path:
    (folder / "triggers.yaml").write_text(triggers)
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
        (
            "\ncard_testin: {mode: live}\n",
            None,
            'triggers.yaml:2: card_testin: unknown trigger; did you mean "card_testing"?',
        ),
        (
            "card_testing:\n  mode: shadwo\n",
            None,
            'triggers.yaml:2: card_testing.mode: expected one of off, shadow, live; did you mean "shadow"?',
        ),
        (
            "card_testing:\n  mode: LIVE\n",
            None,
            'card_testing.mode: expected one of off, shadow, live; did you mean "live"?',
        ),
        (
            "card_testing:\n  mode: true\n",
            None,
            "triggers.yaml:2: card_testing.mode: expected one of off, shadow, live",
        ),
        (
            "card_testing:\n  mode: live\n  windw: P1D\n",
            None,
            'triggers.yaml:3: card_testing.windw: unknown key; did you mean "window"?',
        ),
        (
            "card_testing:\n  window: 86400\n",
            None,
            "triggers.yaml:2: card_testing.window: Expected `duration`, got `int`; a duration is ISO 8601",
        ),
        (
            "card_testing:\n  window: a day\n",
            None,
            "triggers.yaml:2: card_testing.window: Invalid ISO8601 duration; a duration is ISO 8601",
        ),
        (
            "card_testing:\n  small_minor_max: -1\n",
            None,
            "triggers.yaml:2: card_testing.small_minor_max: Expected `int` >= 0",
        ),
        (
            "card_testing:\n  history_min: 60\n",
            None,
            "triggers.yaml:1: card_testing: Expected `history_min` <= `history_kept_max`",
        ),
        ("card_testing: shadow\n", None, "triggers.yaml:1: card_testing: expected settings, as in {mode: shadow}"),
        ("- card_testing\n", None, "triggers.yaml:1: expected `name: value` lines"),
        (
            "card_testing: {}\ncard_testing: {}\n",
            None,
            "triggers.yaml:2: the key 'card_testing' stands here a second time, first in line 1",
        ),
        ("card_testing: [\n", None, "triggers.yaml:2: "),
        ("a: &x 1\nb: *x\n", None, "triggers.yaml:2: an alias (*name) can't be used here"),
        ("a: !!python/name:os.system x\n", None, "triggers.yaml:1: a tag"),
        ("{}", "# limits\ncool_dwn: P14D\n", 'policy.yaml:2: cool_dwn: unknown key; did you mean "cool_down"?'),
        ("{}", "held_kept_max: 0\n", "policy.yaml:1: held_kept_max: Expected `int` >= 1"),
        ("{}", "- 1\n", "policy.yaml:1: expected `name: value` lines"),
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
        config_files.load(write(tmp_path, "card_testing: {mode: on}\nnothing_like_it: {}\n", "cool_down: 3\n"))
    assert [(Path(one.file).name, one.line) for one in refused.value.problems] == [
        ("policy.yaml", 1),
        ("triggers.yaml", 1),
        ("triggers.yaml", 2),
    ]


def test_a_folder_without_triggers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"triggers\.yaml:1: can't be read \(No such file or directory\)"):
        config_files.load(tmp_path)


def test_without_a_policy_it_has_its_defaults_and_what_is_not_named_is_off(tmp_path: Path) -> None:
    bare = config_files.load(write(tmp_path, "card_testing: {mode: shadow, window: PT12H}\n"))
    assert bare.policy.cool_down == timedelta(days=14)
    assert {name for name, one in bare.triggers.items() if one.mode != "off"} == {"card_testing"}
    same = config_files.load(write(tmp_path, "card_testing: {mode: shadow, window: PT12H}\n", "cool_down: P14D\n"))
    assert same.version == bare.version
    other = config_files.load(write(tmp_path, "card_testing: {mode: shadow, window: PT12H}\n", "cool_down: P15D\n"))
    assert other.version != bare.version


def test_the_shipped_policy_is_valid_and_says_the_defaults(tmp_path: Path) -> None:
    shipped = (PACKAGED_CONFIG / "policy.yaml").read_text()
    assert (
        config_files.load(write(tmp_path, "{}", shipped)).policy == config_files.load(write(tmp_path, "{}", "")).policy
    )
    assert set(yaml_file.read(shipped.encode()).value) == set(Policy.__struct_fields__)
