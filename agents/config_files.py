"""The rules from a folder: `triggers.yaml` (trigger name: mode and parameters) and `policy.yaml` (limits across them).

Every fault is told with file, line, path, what was expected, and what was probably meant.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from agents import yaml_file
from agents.yaml_file import Document, YamlError
from streams import config
from streams.config import MODES, Config, Policy
from streams.trigger import load as load_triggers

TRIGGERS_FILE = "triggers.yaml"
POLICY_FILE = "policy.yaml"
_FAULT = re.compile(r"(?P<what>.*) - at `(?P<path>[^`]*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_DURATION = "; a duration is ISO 8601, as in P14D or PT15M"
_NOTHING = Document({}, {})


class Problem(Struct, frozen=True):
    """One fault. `path` is the place within the file, as in `card_testing.window`; empty for the file as a whole."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.path, self.message) if part)


class ConfigError(Exception):
    """A folder that holds no valid config; says every fault, one a line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load(folder: Path) -> Config:
    """Read a folder; without a `policy.yaml` the policy has its defaults, and a trigger not named is off.

    Raises:
        ConfigError: a file is missing, can't be read, or says what it can't mean.
    """
    triggers, problems = _read(folder / TRIGGERS_FILE)
    policy, more = _read(folder / POLICY_FILE) if (folder / POLICY_FILE).exists() else (_NOTHING, [])
    problems += more or list(_policy_problems(str(folder / POLICY_FILE), policy))
    problems += _trigger_problems(str(folder / TRIGGERS_FILE), triggers)
    if problems:
        raise ConfigError(problems)
    return config.build({"policy": policy.value, "triggers": triggers.value})


def _read(file: Path) -> tuple[Document, list[Problem]]:
    """A file's mapping; where there is none, an empty one and the reason."""
    try:
        document = yaml_file.read(file.read_bytes())
    except OSError as error:
        return _NOTHING, [Problem(str(file), 1, "", f"can't be read ({error.strerror}); expected a file of settings")]
    except YamlError as error:
        return _NOTHING, [Problem(str(file), error.line, "", str(error))]
    if document.value is None:
        return _NOTHING, []
    if not isinstance(document.value, dict):
        return _NOTHING, [Problem(str(file), document.lines["$"], "", "expected `name: value` lines")]
    return document, []


def _policy_problems(file: str, policy: Document) -> Iterator[Problem]:
    try:
        config.build({"policy": policy.value})
    except msgspec.ValidationError as error:
        yield _problem(file, policy, str(error), "$.policy", _keys(Policy))


def _trigger_problems(file: str, triggers: Document) -> Iterator[Problem]:
    """One at a time, so that one fault doesn't hide the others."""
    known = load_triggers()
    for name, settings in triggers.value.items():
        path = f"$.{name}"
        if name not in known:
            yield Problem(file, triggers.lines[path], name, f"unknown trigger{_suggestion(name, list(known))}")
        elif not isinstance(settings, dict):
            yield Problem(file, triggers.lines[path], name, f"expected settings, as in {{mode: {MODES[1]}}}")
        else:
            try:
                config.build({"triggers": {name: settings}})
            except msgspec.ValidationError as error:
                keys = ["mode", *_keys(known[name].config)]
                yield _problem(file, triggers, str(error), "$.triggers", keys)


def _problem(file: str, document: Document, error: str, root: str, keys: list[str]) -> Problem:
    """Translate the path within the whole config, which begins with `root`, into a place in the file."""
    fault = _FAULT.fullmatch(error)
    what, path = (fault["what"], fault["path"].removeprefix(root)) if fault else (error, "")
    if unknown := _UNKNOWN.fullmatch(what):
        path, what = f"{path}.{unknown[1]}", f"unknown key{_suggestion(unknown[1], keys)}"
    elif path.endswith(".mode"):
        given = _at(document.value, path)
        what = f"expected one of {', '.join(MODES)}{_suggestion(str(given), list(MODES))}"
    elif "duration" in what.lower():
        what += _DURATION
    return Problem(file, _line(document, f"${path}"), path.removeprefix("."), what)


def _line(document: Document, path: str) -> int:
    """The line of a place, or of the nearest one around it (msgspec writes `[...]` for a key of free choice)."""
    while path not in document.lines and len(path) > 1:
        path = path[: max(path.rfind("."), path.rfind("["), 1)]
    return document.lines.get(path, 1)


def _at(value: Any, path: str) -> Any:
    for key in path.removeprefix(".").split("."):
        value = value[key]
    return value


def _keys(shape: type[Struct]) -> list[str]:
    return list(shape.__struct_fields__)


def _suggestion(given: str, known: list[str]) -> str:
    close = get_close_matches(given.lower(), known, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; expected one of {', '.join(sorted(known))}"
