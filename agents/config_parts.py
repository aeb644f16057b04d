"""The parts of a config file, checked one by one, each fault told with file, line, path and what was probably meant."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from agents import yaml_file
from agents.config_hints import choices_at, keys_at, plainly, suggestion
from agents.yaml_file import Document, YamlError
from streams.config import MODES

_FAULT = re.compile(r"(?P<what>.*) - at `(?P<path>[^`]*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_ANY = "*"
SHADOW = "shadow"
_NO_CHOICE = re.compile(r"Invalid enum value '(.*)'", re.DOTALL)


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


def read(file: Path, key: str, *others: str) -> tuple[Document, list[Problem]]:
    """A file's document, `{key: {...}}`, with an empty value where there is none, and then the reason.

    `others` are keys that may stand there too.
    """
    try:
        document = yaml_file.read(file.read_bytes())
        problem = _shape_problem(str(file), document, (key, *others))
    except OSError as error:
        problem = Problem(str(file), 1, "", f"can't be read ({error.strerror}); expected a file of settings")
    except YamlError as error:
        problem = Problem(str(file), error.line, "", str(error))
    if problem:
        return Document({}, {}), [problem]
    return Document({key: {}} | {name: value or {} for name, value in document.value.items()}, document.lines), []


def _shape_problem(file: str, document: Document, keys: tuple[str, ...]) -> Problem | None:
    """Why this isn't a file with just these keys, and settings below them; the first one must be there."""
    if not isinstance(document.value, dict) or not document.value:
        return Problem(file, 1, "", f"expected `{keys[0]}:` and the settings below it")
    told = " and ".join(f"`{key}:`" for key in keys)
    if strangers := [name for name in document.value if name not in keys]:
        line, verb = document.lines[f"$.{strangers[0]}"], "stands" if len(keys) == 1 else "stand"
        return Problem(file, line, strangers[0], f"unknown key; only {told} {verb} here")
    for key, value in document.value.items():
        if not isinstance(value, dict | None):
            return Problem(file, document.lines[f"$.{key}"], key, "expected `name: value` lines below it")
    return None


class Part(Struct, frozen=True):
    """What a document has at `place`, one trigger's settings or the policy, whose parameters have this shape.

    `build` makes something of the settings inside of the keys of their place, and raises msgspec's ValidationError.
    """

    file: str
    document: Document
    place: tuple[str, ...]
    shape: type[Struct]
    build: Callable[[dict[str, Any]], object]

    def problems(self) -> Iterator[Problem]:
        """Each fault: what is told is taken out, and the rest looked at again."""
        settings = dict(_at(self.document.value, self.place))
        is_whole = True
        while error := self._refusal(settings):
            what, keys = self._fault(error, settings)
            if keys or is_whole:  # of what doesn't fit together, a part may only be missing since it was taken out
                yield self._problem(what, keys)
            if not keys:
                return
            is_whole = False
            del settings[keys[0]]

    def _refusal(self, settings: Any) -> str | None:
        for key in reversed(self.place):
            settings = {key: settings}
        try:
            self.build(settings)
        except msgspec.ValidationError as error:
            return str(error)
        return None

    def _fault(self, error: str, settings: dict[str, Any]) -> tuple[str, list[str]]:
        """What msgspec says, and where below the place; a key of free choice, which it writes `[...]`, is found out."""
        fault = _FAULT.fullmatch(error)
        what, path = (fault["what"], fault["path"]) if fault else (error, "$")
        keys = path.replace("[...]", f".{_ANY}").removeprefix("$.").split(".")[len(self.place) :]
        for depth, key in enumerate(keys):
            if key == _ANY:
                keys[depth] = self._culprit(error, settings, keys[:depth])
        if unknown := _UNKNOWN.fullmatch(what):
            what = f"unknown key{suggestion(unknown[1], self._names(keys))}"
            keys = [*keys, unknown[1]]
        elif keys == ["mode"]:
            what = f"expected one of {', '.join(MODES)}{_nearest(settings['mode'], MODES)}"
        elif chosen := _NO_CHOICE.fullmatch(what):
            choices = choices_at(self.shape, self._below(keys))
            what = f"expected one of {', '.join(choices)}{_nearest(chosen[1], choices)}"
        return plainly(what, keys[-1] if keys else ""), keys

    def _culprit(self, error: str, settings: dict[str, Any], above: list[str]) -> str:
        """The one of several of the same kind that the error is about: alone, it is refused in the same words."""
        several = _at(settings, above)
        for key in several if isinstance(several, Mapping) else ():
            if self._refusal(_with(settings, above, {key: several[key]})) == error:
                return str(key)
        return _ANY

    def _names(self, keys: list[str]) -> list[str]:
        own = ["mode", SHADOW] if self.place[0] == "triggers" and not keys else []
        return own + keys_at(self.shape, self._below(keys))

    def _below(self, keys: list[str]) -> list[str]:
        """The same place in the parameters: a shadow set has the trigger's own."""
        return keys[1:] if self.place[0] == "triggers" and keys[:1] == [SHADOW] else keys

    def _problem(self, what: str, keys: list[str]) -> Problem:
        path = ".".join((*self.place, *keys))
        return Problem(self.file, line(self.document, f"$.{path}"), path, what)


def line(document: Document, path: str) -> int:
    """The line of a place, or of the nearest one around it."""
    while path not in document.lines and len(path) > 1:
        path = path[: max(path.rfind("."), path.rfind("["), 1)]
    return document.lines.get(path, 1)


def _at(value: Any, keys: Any) -> Any:
    for key in keys:
        value = value[key]
    return value


def _with(value: dict[str, Any], keys: list[str], inner: Any) -> dict[str, Any]:
    """The same, with something else at that place."""
    return {**value, keys[0]: _with(value[keys[0]], keys[1:], inner)} if keys else inner


def _nearest(given: object, choices: Any) -> str:
    """What was probably meant, if anything; the choices themselves are told already."""
    told = suggestion(str(given), choices)
    return told if "did you mean" in told else ""
