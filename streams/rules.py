"""A config made ready to run: which trigger hears which entry, with which parameters."""

import hashlib
from collections.abc import Callable

import msgspec
from msgspec import Struct

from streams.config import Config
from streams.policy import Policy
from streams.trigger import Trigger, load

SET_NAME_LENGTH = 12


class Listener(Struct, frozen=True):
    """A trigger that is not off, with its parameters.

    Attributes:
        shadow: its candidates are recorded, never sent.
        decode: reads its sub-state.
        empty: its encoded sub-state before anything happened; never stored.
        beside: parameters that are tried out beside these (`streams.beside`).
    """

    trigger: Trigger
    parameters: Struct
    shadow: bool
    decode: Callable[[bytes], Struct]
    empty: bytes
    beside: "ShadowSet | None" = None


class ShadowSet(Struct, frozen=True):
    """Parameters that run in shadow beside a trigger's own; the name is of their content."""

    name: str
    parameters: Struct


class Rules(Struct, frozen=True):
    """What decides, between two config versions.

    Attributes:
        hearing: each type's listeners in name order.
        shadow_sets: the names of the shadow sets by trigger.
        held: the triggers that the guard holds (`streams.runaway`).
    """

    version: str
    policy: Policy
    listeners: dict[str, Listener]
    hearing: dict[type, tuple[Listener, ...]]
    shadow_sets: dict[str, str] = {}
    held: frozenset[str] = frozenset()


def compile_rules(config: Config) -> Rules:
    """Make a config ready to run."""
    listeners = {
        name: _listener(one, config)
        for name, one in load().items()
        if name in config.triggers and config.triggers[name].mode != "off"
    }
    types = {kind for one in listeners.values() for kind in one.trigger.on}
    hearing = {kind: tuple(one for one in listeners.values() if kind in one.trigger.on) for kind in types}
    shadow_sets = {name: one.beside.name for name, one in listeners.items() if one.beside is not None}
    return Rules(config.version, config.policy, listeners, hearing, shadow_sets)


def _listener(one: Trigger, config: Config) -> Listener:
    settings = config.triggers[one.name]
    decode = msgspec.msgpack.Decoder(one.state).decode
    empty = msgspec.msgpack.encode(one.state())
    beside = None if settings.shadow is None else ShadowSet(_name(settings.shadow), settings.shadow)
    return Listener(one, settings.parameters, settings.mode == "shadow", decode, empty, beside)


def _name(parameters: Struct) -> str:
    return hashlib.sha256(msgspec.json.encode(parameters, order="sorted")).hexdigest()[:SET_NAME_LENGTH]
