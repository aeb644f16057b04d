"""The rules of the game as data: each trigger's mode and parameters, and the policy of the arbiter and the engine.

A config is strict: an unknown key is refused. Its version is a digest of its content with all defaults filled in, so
the same rules have the same name everywhere and a later default can't rewrite the past.
"""

import hashlib
from typing import Any, Literal

import msgspec
from msgspec import Struct

from streams.config_faults import faults, negative_durations
from streams.policy import Policy
from streams.trigger import Trigger, load

Mode = Literal["off", "shadow", "live"]
MODES: tuple[Mode, ...] = ("off", "shadow", "live")
VERSION_LENGTH = 12


class TriggerSettings(Struct, frozen=True):
    """How one trigger runs; `shadow` are the parameters that are tried out beside its own."""

    mode: Mode
    parameters: Struct
    shadow: Struct | None = None


class Config(Struct, frozen=True):
    """One complete set of rules; `triggers` holds every known trigger, by name."""

    version: str
    policy: Policy
    triggers: dict[str, TriggerSettings]


def build(document: dict[str, Any]) -> Config:
    """Check a document `{"policy": {...}, "triggers": {name: {"mode": ..., parameters}}}` and name its version.

    A trigger that the document doesn't name is off.

    Raises:
        msgspec.ValidationError: says what was expected and at which path (`$.triggers.card_testing.window`).
    """
    built = _built(document)
    found = [(f"policy.{path}", what) for path, what in faults(built.policy)]
    for name, one in built.triggers.items():
        found += [(f"triggers.{name}.{path}", what) for path, what in negative_durations(one.parameters)]
        found += [(f"triggers.{name}.shadow.{path}", what) for path, what in negative_durations(one.shadow)]
    if found:
        path, what = found[0]
        raise msgspec.ValidationError(f"{what} - at `$.{path}`")
    return built


def _built(document: dict[str, Any]) -> Config:
    """The document with its defaults, if every value is of the right kind."""
    unknown = sorted(set(document) - {"policy", "triggers"})
    if unknown:
        raise msgspec.ValidationError(f"Object contains unknown field `{unknown[0]}` - at `$`")
    policy = _convert(document.get("policy") or {}, Policy, "$.policy")
    named = _convert(document.get("triggers") or {}, dict[str, dict[str, Any]], "$.triggers")
    strangers = sorted(set(named) - set(load()))
    if strangers:
        raise msgspec.ValidationError(f"Object contains unknown field `{strangers[0]}` - at `$.triggers`")
    triggers = {name: _settings(one, named.get(name, {"mode": "off"})) for name, one in load().items()}
    return Config(_version(policy, triggers), policy, triggers)


def encode(config: Config) -> bytes:
    """The config as JSON with sorted keys, defaults filled in, without what is off: as it stands in the journal."""
    return _content(config.policy, config.triggers)


def decode(content: bytes, version: str) -> Config:
    """A config from the journal, under the version that it has there.

    Raises:
        msgspec.ValidationError: the content doesn't fit this release.
    """
    built = _built(msgspec.json.decode(content))
    return Config(version, built.policy, built.triggers)


def _settings(one: Trigger, document: dict[str, Any]) -> TriggerSettings:
    path = f"$.triggers.{one.name}"
    parameters = dict(document)
    mode = _convert(parameters.pop("mode", "off"), Mode, f"{path}.mode")
    named = parameters.pop("shadow", None)
    own = _convert(parameters, one.config, path)
    if named is None:
        return TriggerSettings(mode, own)
    tried = parameters | _convert(named, dict[str, Any], f"{path}.shadow")  # what isn't named is as in its own
    return TriggerSettings(mode, own, _convert(tried, one.config, f"{path}.shadow"))


def _convert(value: Any, shape: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        problem, _, inner = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{problem} - at `{path}{inner.rstrip('`')}`") from None


def _content(policy: Policy, triggers: dict[str, TriggerSettings]) -> bytes:
    """What is off is left out, so that a trigger added by a later release doesn't rename an old config."""
    rules = {name: _settings_as_data(one) for name, one in triggers.items() if one.mode != "off"}
    return msgspec.json.encode({"policy": policy, "triggers": rules}, order="sorted")


def _settings_as_data(one: TriggerSettings) -> dict[str, Any]:
    data = {"mode": one.mode, **msgspec.to_builtins(one.parameters)}
    return data if one.shadow is None else {**data, "shadow": msgspec.to_builtins(one.shadow)}


def _version(policy: Policy, triggers: dict[str, TriggerSettings]) -> str:
    return hashlib.sha256(_content(policy, triggers)).hexdigest()[:VERSION_LENGTH]
