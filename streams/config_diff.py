"""What differs between two configs, parameter by parameter."""

from typing import Any

import msgspec
from msgspec import Struct

from streams.config import Config, TriggerSettings


class Change(Struct, frozen=True):
    """One parameter: `path` as in `triggers.card_testing.window`; None where one of the two hasn't got it."""

    path: str
    old: Any
    new: Any


def differences(old: Config, new: Config) -> list[Change]:
    """All that decides differently, policy first, then by trigger and parameter; empty for the same version.

    Parameters of a trigger that is switched off don't count. One that is switched on is shown with what isn't default.
    """
    changes = _changes("policy", msgspec.to_builtins(old.policy), msgspec.to_builtins(new.policy))
    for name in sorted({*old.triggers, *new.triggers}):
        before, after = (config.triggers.get(name) for config in (old, new))
        changes += _of_trigger(f"triggers.{name}", before, after)
    return changes


def _of_trigger(path: str, old: TriggerSettings | None, new: TriggerSettings | None) -> list[Change]:
    before, after = old.mode if old else "off", new.mode if new else "off"
    changes = [Change(f"{path}.mode", before, after)] if before != after else []
    if new is None or after == "off":
        return changes
    known = old if old is not None and before != "off" else None
    parameters = known.parameters if known else type(new.parameters)()
    changes += _changes(path, msgspec.to_builtins(parameters), msgspec.to_builtins(new.parameters))
    return changes + _changes(f"{path}.shadow", _tried(known), _tried(new))


def _tried(settings: TriggerSettings | None) -> dict[str, Any] | None:
    """What a shadow set has otherwise than the trigger's own parameters; None without one."""
    if settings is None or settings.shadow is None:
        return None
    own, tried = (msgspec.to_builtins(one) for one in (settings.parameters, settings.shadow))
    return {name: value for name, value in tried.items() if value != own[name]}


def _changes(path: str, old: Any, new: Any) -> list[Change]:
    """Mappings are compared key by key, anything else as a whole."""
    if old == new:
        return []
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [Change(path, old, new)]
    keys = [*old, *(key for key in new if key not in old)]
    return [change for key in keys for change in _changes(f"{path}.{key}", old.get(key), new.get(key))]
