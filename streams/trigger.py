"""The shape of a trigger, and the loader that finds them.

A trigger says *when*. It is one generator function in a file of its own: `(entry, state, config) -> candidates`, with
a fourth, read-only argument `customer` (the shared facts) where it asks for one. It changes nothing but its `state`,
does no I/O, and knows no other trigger. Whether a candidate is sent is the arbiter's to say.

What a trigger can listen to: any event type, `ActionSent` (a decision of this customer went out), and `Tick`. A
trigger that waits sets `due_ms` in its state; the engine hands it the first tick that isn't earlier. It must then
clear it or move it on: a due time that stays in the past would fire at every tick and is dropped.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from types import ModuleType
from typing import Any, Literal

from msgspec import Struct

from streams.actions import Measure, Priority
from streams.events import Cause

Family = Literal["fraud", "retention"]
FAMILIES: tuple[Family, ...] = ("fraud", "retention")
_MILLISECOND = timedelta(milliseconds=1)


class ActionSent(Struct, frozen=True, kw_only=True):
    """A decision about this customer was just sent; handed to triggers that listen, in the same journal entry."""

    decision: str
    trigger: str
    action: str
    subject: dict[str, str]
    causes: tuple[Cause, ...]
    at_ms: int


class Candidate(Struct, frozen=True, kw_only=True):
    """What a trigger proposes, with everything needed to explain it.

    Attributes:
        action: a name of `streams.actions.ACTIONS`.
        at_ms: event time of what made it fire.
        causes: the events behind it, oldest first, at least one.
        because: the reason as a sentence for a person, no customer id in it.
        subject: the card, account or product that it is about, by kind.
        measured: values against thresholds.
        prefilled: what the action needs to be one step for the customer, as known: terms, prices, ways to cancel.
        risk: 0 to 1, how likely the customer or the money is lost without action.
        expires_at_ms: when acting no longer makes sense.
        quiet: the trigger's own reason for silence, one that it declared; the candidate is then recorded only.
    """

    action: str
    at_ms: int
    causes: tuple[Cause, ...]
    because: str
    subject: dict[str, str] = {}
    measured: dict[str, Measure] = {}
    prefilled: dict[str, str | int] = {}
    risk: float | None = None
    priority: Priority = "normal"
    expires_at_ms: int | None = None
    quiet: str | None = None


def milliseconds(duration: timedelta) -> int:
    """A duration from the config in the unit of `at_ms`."""
    return duration // _MILLISECOND


Rule = Callable[..., Iterator[Candidate]]
Heeds = Callable[[Any], bool]


class Trigger(Struct, frozen=True, kw_only=True):
    """One registered trigger.

    Attributes:
        on: the types it listens to: events, `ActionSent`, `Tick`.
        quiet: its own reasons for silence.
        state_bytes_max: bound of its encoded state under the shipped config; the generic suite holds it to that.
        with_customer: whether the rule takes the shared facts as fourth argument.
        heeds: whether an event or `ActionSent` is anything to it, by that alone. For one that isn't, not even its state
            is decoded: a login costs nothing where only complaints count. None: all are.
    """

    name: str
    family: Family
    on: tuple[type, ...]
    config: type[Struct]
    state: type[Struct]
    rule: Rule
    quiet: tuple[str, ...]
    state_bytes_max: int
    with_customer: bool
    documentation: str
    heeds: Heeds | None = None


def trigger(  # noqa: PLR0913 - each is a property of the trigger, by name
    *,
    on: tuple[type, ...],
    heeds: Heeds | None = None,
    config: type[Struct],
    state: type[Struct],
    quiet: tuple[str, ...] = (),
    state_bytes_max: int = 2048,
) -> Callable[[Rule], Trigger]:
    """Register a generator function as the trigger that its file is named after."""

    def register(rule: Rule) -> Trigger:
        *_, family, name = rule.__module__.split(".")
        if rule.__name__ != name or family not in FAMILIES:
            raise TypeError(f"{rule.__module__}: the function must be named {name!r}, in a folder of {FAMILIES}")
        return Trigger(
            name=name,
            family=family,
            on=on,
            heeds=heeds,
            config=config,
            state=state,
            rule=rule,
            quiet=quiet,
            state_bytes_max=state_bytes_max,
            with_customer=len(inspect.signature(rule).parameters) == 4,  # noqa: PLR2004 - entry, state, config, customer
            documentation=inspect.getdoc(inspect.getmodule(rule)) or "",
        )

    return register


@cache
def load() -> dict[str, Trigger]:
    """All triggers by name, in name order: the order in which they see an entry."""
    found = [_in_module(module) for family in FAMILIES for module in _modules(f"streams.triggers.{family}")]
    by_name = {one.name: one for one in sorted(found, key=lambda one: one.name)}
    if len(by_name) != len(found):
        raise TypeError(f"two triggers share a name: {sorted(one.name for one in found)}")
    return by_name


def _modules(package: str) -> Iterator[ModuleType]:
    folder = importlib.import_module(package)
    for info in pkgutil.iter_modules(folder.__path__):
        yield importlib.import_module(f"{package}.{info.name}")


def _in_module(module: ModuleType) -> Trigger:
    found = [value for value in vars(module).values() if isinstance(value, Trigger)]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must hold exactly one trigger, it holds {len(found)}")
    return found[0]
