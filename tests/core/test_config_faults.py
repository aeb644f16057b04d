"""A table of bad files: each is refused with file, line, path, what was expected, and what was probably meant."""

from pathlib import Path

import pytest

from agents import config_files
from agents.config_parts import ConfigError
from agents.settings import PACKAGED_CONFIG
from streams import config

OK = "triggers: {}\n"
CATEGORIES = """triggers:
  replacement_due:
    categories:
      car: {months: 36, lead: P90D, action: new_model_offer}
      phone: %s
"""
TRIGGERS = [
    ("", "1: expected `triggers:` and the settings below it"),
    ("# only a comment\n", "1: expected `triggers:` and the settings below it"),
    ("live\n", "1: expected `triggers:` and the settings below it"),
    ("Triggers: {}\n", "1: Triggers: unknown key; only `triggers:` stands here"),
    (b"# caf\xe9\ntriggers: {}\n", "1: not UTF-8 text"),
    ("triggers: {}\n".encode("utf-16"), "1: not UTF-8 text"),
    (b"triggers: \x00{}\n", "1: unacceptable character #x0000"),
    ("triggers:\n\tcard_testing: {}\n", "2: found character '\\t' that cannot start any token"),
    ("triggers:\n  lapsed:\n  \tmode: live\n", "3: found character '\\t'"),
    ("triggers: {}\n---\ntriggers: {}\n", "2: but found another document"),
    ("triggers: {lapsed: {mode: live}\n", "2: expected ',' or '}'"),
    ("triggers:\n  lapsed:\n    mode: live\n   risk: 0.1\n", "4: expected <block end>"),
    ("triggers:\n  lapsed: &a {mode: live}\n  win_back: *a\n", "3: an alias (*name) can't be used here"),
    ("triggers:\n  lapsed: {<<: {mode: live}}\n", "2: triggers.lapsed.<<: unknown key; expected one of "),
    ("triggers:\n  ? [lapsed]\n  : {}\n", "2: a key must be a word"),
    ("triggers:\n  lapsed: !!python/object:os.system {}\n", "2: a tag"),
    ("triggers:\n  lapsed: {}\n  lapsed: {}\n", "3: the key 'lapsed' stands here a second time, first in line 2"),
    ("triggers:\n  lapsed:\n    mode: live\n    mode: off\n", "4: the key 'mode' stands here a second time"),
    ("triggers:\n  lapsed\n", "1: triggers: expected `name: value` lines below it"),
    ("triggers:\n  lapsed:\n    mode:live\n", "2: triggers.lapsed: expected settings, as in {mode: shadow}"),
    ("triggers:\n  card-testing: {}\n", '2: triggers.card-testing: unknown trigger; did you mean "card_testing"?'),
    ("triggers:\n  lapsed: {mode: on}\n", "2: triggers.lapsed.mode: expected one of off, shadow, live\n"),
    ("triggers:\n  lapsed: {mode: NO}\n", "2: triggers.lapsed.mode: expected one of off, shadow, live\n"),
    ("triggers:\n  lapsed: {mode: false}\n", "2: triggers.lapsed.mode: expected one of off, shadow, live\n"),
    ("triggers:\n  lapsed:\n    mode:\n", "3: triggers.lapsed.mode: expected one of off, shadow, live\n"),
    ("triggers:\n  lapsed: {mode: shdow}\n", 'expected one of off, shadow, live; did you mean "shadow"?'),
    (
        "triggers:\n  card_testing:\n    window: 1d\n",
        "3: triggers.card_testing.window: Invalid ISO8601 duration; a dura",
    ),
    ("triggers:\n  card_testing:\n    window: P1M\n", "Only units 'D', 'H', 'M', and 'S' are supported"),
    ("triggers:\n  card_testing:\n    window: -P1D\n", "window: Expected a `duration` that isn't negative"),
    (
        "triggers:\n  card_testing:\n    window: 1440\n",
        "window: Expected `duration`, got `int`; a duration is ISO 8601",
    ),
    ("triggers:\n  card_testing: {small_minor_max: 5.00}\n", "got `float`; money is in minor units: 500 is 5.00"),
    ("triggers:\n  card_testing: {large_minor_min: 20_000}\n", "got `str`; money is in minor units: 500 is 5.00"),
    ("triggers:\n  card_testing: {history_min: '5'}\n", "history_min: Expected `int`, got `str`; digits only"),
    ("triggers:\n  card_testing: {usual_times_min: .inf}\n", "usual_times_min: Expected `int`, got `str`; digits only"),
    (
        "triggers:\n  card_testing: {history_min: 60}\n",
        "triggers.card_testing: Expected `history_min` <= `history_kept",
    ),
    (
        "triggers:\n  card_testing:\n    trst: P1D\n",
        '3: triggers.card_testing.trst: unknown key; did you mean "trust"?',
    ),
    (CATEGORIES % "{months: 0}", "5: triggers.replacement_due.categories.phone.months: Expected `int` >= 1"),
    (
        CATEGORIES % "{month: 3}",
        '5: triggers.replacement_due.categories.phone.month: unknown key; did you mean "months"?',
    ),
    (CATEGORIES % "{months: 3, action: refil}", "phone.action: expected one of new_model_offer, refill_reminder"),
]
POLICIES = [
    ("policy:\n  cool_dwn: P1D\n", '2: policy.cool_dwn: unknown key; did you mean "cool_down"?'),
    ("policy:\n  caps: {days: 1}\n", '2: policy.caps.days: unknown key; did you mean "day"?'),
    ("policy:\n  caps: 3\n", "2: policy.caps: Expected `object`, got `int`"),
    ("policy:\n  held_kept_max: 65\n", "2: policy.held_kept_max: Expected `int` <= 64"),
    ("policy:\n  hold_out_percent: 0.05\n", "2: policy.hold_out_percent: Expected `int`, got `float`; a whole number"),
    (
        "policy:\n  quiet_hours: {begin: 21:00, end: 8:00}\n",
        "2: policy.quiet_hours.end: Expected `str`; a time of day is HH",
    ),
    ("policy:\n  quiet_hours: {begin: 1260}\n", "2: policy.quiet_hours.begin: Expected `str`, got `int`"),
    (
        "policy:\n  time_zone: Europe/Berln\n",
        "policy.time_zone: Expected an IANA time zone, as in Europe/Berlin; did you",
    ),
    ("policy:\n  cadence:\n    gap_min: P31D\n", "2: policy.cadence: Expected `gap_min` <= `gap_max`"),
    ("policy:\n  cool_down: -P14D\n", "2: policy.cool_down: Expected a `duration` that isn't negative"),
    (
        "policy:\n  offers:\n    loan_ofer: {}\n",
        "3: policy.offers.loan_ofer: Expected an action that is an offer; did you",
    ),
    (
        "policy:\n  offers:\n    loan_offer: {car_loan: {acceptance: {hihg: 0.1}}}\n",
        "3: policy.offers.loan_offer.car_loan.acceptance.hihg: Expected one of the `segments`, or `other`; did you",
    ),
    (
        "policy:\n  offers:\n    loan_offer:\n      a: {}\n      b: {acceptance: {high: 10}}\n",
        "5: policy.offers.loan_offer.b.acceptance.high: Expected `float` <= 1.0",
    ),
    (
        "policy:\n  margin_percent: {purchases: 1}\n",
        "2: policy.margin_percent.purchases: Expected a type of event; did you",
    ),
]


def refusal(folder: Path, triggers: str | bytes, policy: str | None = None) -> str:
    """What a folder with these files is refused with, one fault a line."""
    (folder / "triggers.yaml").write_bytes(triggers if isinstance(triggers, bytes) else triggers.encode())
    if policy is not None:
        (folder / "policy.yaml").write_text(policy)
    with pytest.raises(ConfigError) as refused:
        config_files.load(folder)
    return f"{refused.value}\n"


@pytest.mark.parametrize(("content", "told"), TRIGGERS)
def test_a_bad_triggers_file_is_told(tmp_path: Path, content: str | bytes, told: str) -> None:
    assert told in refusal(tmp_path, content).removeprefix(f"{tmp_path}/triggers.yaml:")


@pytest.mark.parametrize(("content", "told"), POLICIES)
def test_a_bad_policy_file_is_told(tmp_path: Path, content: str, told: str) -> None:
    assert told in refusal(tmp_path, OK, content).removeprefix(f"{tmp_path}/policy.yaml:")


def test_several_faults_of_one_trigger_and_of_the_policy_are_all_told(tmp_path: Path) -> None:
    told = refusal(
        tmp_path,
        "triggers:\n  card_testing:\n    mode: lve\n    window: 3\n    trst: P1D\n",
        "policy:\n  cool_down: 3\n  held_kept_max: 0\n",
    )
    assert [line.partition(f"{tmp_path}/")[2].partition(": ")[0] for line in told.splitlines()] == [
        *("policy.yaml:2", "policy.yaml:3", "triggers.yaml:3", "triggers.yaml:4", "triggers.yaml:5")
    ]


def test_what_only_looks_wrong_once_a_fault_was_taken_out_is_not_told(tmp_path: Path) -> None:
    told = refusal(tmp_path, "triggers:\n  card_testing:\n    small_minor_max: 3 EUR\n    large_minor_min: 400\n")
    assert told.count("\n") == 1
    assert "small_minor_max" in told


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "triggers.yaml").write_bytes("\ufefftriggers: {lapsed: {mode: off}}\n".encode())
    assert config_files.load(tmp_path).version == config.build({}).version


def test_what_is_in_the_journal_was_good_enough_when_it_was_put_there() -> None:
    content = b'{"policy":{"time_zone":"Atlantis/Poseidonis"},"triggers":{}}'
    assert config.decode(content, "v1").policy.time_zone == "Atlantis/Poseidonis"


def test_the_shipped_files_have_no_fault() -> None:
    assert config_files.load(PACKAGED_CONFIG).version
