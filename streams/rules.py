"""A config made ready to run: which trigger hears which entry, with which parameters."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from streams.config import Config
from streams.policy import Policy
from streams.trigger import Trigger, load


class Listener(Struct, frozen=True):
    """A trigger that is not off, with its parameters.

    Attributes:
        shadow: its candidates are recorded, never sent.
        decode: reads its sub-state.
        empty: its encoded sub-state before anything happened; never stored.
    """

    trigger: Trigger
    parameters: Struct
    shadow: bool
    decode: Callable[[bytes], Struct]
    empty: bytes


class Rules(Struct, frozen=True):
    """What decides, between two config versions; `hearing` lists each type's listeners in name order."""

    version: str
    policy: Policy
    listeners: dict[str, Listener]
    hearing: dict[type, tuple[Listener, ...]]


def compile_rules(config: Config) -> Rules:
    """Make a config ready to run."""
    listeners = {
        name: _listener(one, config)
        for name, one in load().items()
        if name in config.triggers and config.triggers[name].mode != "off"
    }
    types = {kind for one in listeners.values() for kind in one.trigger.on}
    hearing = {kind: tuple(one for one in listeners.values() if kind in one.trigger.on) for kind in types}
    return Rules(config.version, config.policy, listeners, hearing)


def _listener(one: Trigger, config: Config) -> Listener:
    settings = config.triggers[one.name]
    decode = msgspec.msgpack.Decoder(one.state).decode
    return Listener(one, settings.parameters, settings.mode == "shadow", decode, msgspec.msgpack.encode(one.state()))
