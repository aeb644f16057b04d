"""The rules from a folder: `triggers.yaml` (`triggers: {name: {mode: ..., parameters}}`) and `policy.yaml`.

Each file is one part of the document that `streams.config.build` takes, under the key that it is named after.
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
from streams.config import MODES, Config
from streams.policy import Policy
from streams.trigger import load as load_triggers

TRIGGERS_FILE = "triggers.yaml"
POLICY_FILE = "policy.yaml"
_FAULT = re.compile(r"(?P<what>.*) - at `(?P<path>[^`]*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_DURATION = "; a duration is ISO 8601, as in P14D or PT15M"


class Problem(Struct, frozen=True):
    """One fault. `path` is the place in the file, as in `triggers.card_testing.window`; empty for all of it."""

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
    triggers, problems = _read(folder / TRIGGERS_FILE, "triggers")
    policy = Document({}, {})
    if (folder / POLICY_FILE).exists():
        policy, more = _read(folder / POLICY_FILE, "policy")
        problems += more or _policy_problems(str(folder / POLICY_FILE), policy)
    problems += _trigger_problems(str(folder / TRIGGERS_FILE), triggers)
    if problems:
        raise ConfigError(problems)
    return config.build(policy.value | triggers.value)


def _read(file: Path, key: str) -> tuple[Document, list[Problem]]:
    """A file's document, `{key: {...}}`, with an empty value where there is none, and then the reason."""
    try:
        document = yaml_file.read(file.read_bytes())
        problem = _shape_problem(str(file), document, key)
    except OSError as error:
        problem = Problem(str(file), 1, "", f"can't be read ({error.strerror}); expected a file of settings")
    except YamlError as error:
        problem = Problem(str(file), error.line, "", str(error))
    if problem:
        return Document({}, {}), [problem]
    return Document({key: document.value[key] or {}}, document.lines), []


def _shape_problem(file: str, document: Document, key: str) -> Problem | None:
    """Why this isn't a file with just the one key and settings below."""
    if not isinstance(document.value, dict) or not document.value:
        return Problem(file, 1, "", f"expected `{key}:` and the settings below it")
    if strangers := [name for name in document.value if name != key]:
        return Problem(
            file, document.lines[f"$.{strangers[0]}"], strangers[0], f"unknown key; only `{key}:` stands here"
        )
    if not isinstance(document.value[key], dict | None):
        return Problem(file, document.lines[f"$.{key}"], key, "expected `name: value` lines below it")
    return None


def _policy_problems(file: str, policy: Document) -> list[Problem]:
    try:
        config.build(policy.value)
    except msgspec.ValidationError as error:
        return [_problem(file, policy, str(error), list(Policy.__struct_fields__))]
    return []


def _trigger_problems(file: str, document: Document) -> Iterator[Problem]:
    """One trigger at a time, so that one fault doesn't hide the others."""
    known = load_triggers()
    for name, settings in document.value.get("triggers", {}).items():
        path = f"triggers.{name}"
        line = document.lines[f"$.{path}"]
        if name not in known:
            yield Problem(file, line, path, f"unknown trigger{_suggestion(name, list(known))}")
        elif not isinstance(settings, dict):
            yield Problem(file, line, path, f"expected settings, as in {{mode: {MODES[1]}}}")
        else:
            try:
                config.build({"triggers": {name: settings}})
            except msgspec.ValidationError as error:
                yield _problem(file, document, str(error), ["mode", *known[name].config.__struct_fields__])


def _problem(file: str, document: Document, error: str, keys: list[str]) -> Problem:
    """Place a complaint of msgspec in the file, and say what was probably meant."""
    fault = _FAULT.fullmatch(error)
    what, path = (fault["what"], fault["path"]) if fault else (error, "$")
    if unknown := _UNKNOWN.fullmatch(what):
        path, what = f"{path}.{unknown[1]}", f"unknown key{_suggestion(unknown[1], keys)}"
    elif path.endswith(".mode"):
        given = str(_at(document.value, path))
        what = f"expected one of {', '.join(MODES)}{_suggestion(given, list(MODES))}"
    elif "duration" in what.lower():
        what += _DURATION
    return Problem(file, _line(document, path), path.removeprefix("$."), what)


def _line(document: Document, path: str) -> int:
    """The line of a place, or of the nearest one around it (msgspec writes `[...]` for a key of free choice)."""
    while path not in document.lines and len(path) > 1:
        path = path[: max(path.rfind("."), path.rfind("["), 1)]
    return document.lines.get(path, 1)


def _at(value: Any, path: str) -> Any:
    for key in path.removeprefix("$.").split("."):
        value = value[key]
    return value


def _suggestion(given: str, known: list[str]) -> str:
    close = get_close_matches(given.lower(), known, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; expected one of {', '.join(sorted(known))}"
