"""Where values lie in a source's record: paths, and one decoder that reads what they name and skips the rest.

`Stmt.Ntry[0].Amt.@Ccy`: names with dots between, `[0]` an item of a list, `[]` its only item (more than one is a
fault: the others would be lost). A name with a dot or bracket in it stands in brackets and quotes: `["odd.name"]`.
"""

import re
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct, defstruct, field

from streams.dead_letters import Reason

ONLY = -1
Step = str | int
Steps = tuple[Step, ...]
Getter = Callable[[Any], Any]
_STEP = re.compile(r'(?:^|\.)(?P<name>[^.\[\]"]+)|\[(?P<index>\d{0,4})\]|\["(?P<quoted>[^"]+)"\]')


class Unfit(Exception):  # noqa: N818 - it says what is the matter
    """A record that doesn't become its event: the reason, and where what was expected; never a value."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class Decimal(str):
    """A JSON number with a fraction or an exponent, as it is written: a float could have rounded it."""

    __slots__ = ()


class _Node(Struct):
    """What is wanted of a place: its value, what lies below by name, or the items of a list."""

    names: dict[str, "_Node"] = field(default_factory=dict)
    items: "_Node | None" = None
    is_value: bool = False


def parse(path: str) -> Steps:
    """The steps of a path: names, indexes of a list, `ONLY`.

    Raises:
        ValueError: it isn't one; says why.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError('Expected a path, as in `a.b`, `list[0].name`, `list[].name` or `["odd.name"].b`')
        name = found["name"] or found["quoted"]
        steps.append(name or int(found["index"] or ONLY))
        at = found.end()
    if not steps or isinstance(steps[0], int):
        raise ValueError("Expected a path that begins with a name: a record is an object")
    return tuple(steps)


def decoder(paths: Iterable[str]) -> Callable[[bytes], Any]:
    """A decoder of records that keeps what these paths name; what is missing or null is None.

    It raises msgspec's errors: the bytes aren't JSON, or a place on the way to a value is neither object nor list.

    Raises:
        ValueError: a path isn't one, or the same place is value and object, or object and list.
    """
    root = _Node()
    for path in paths:
        _add(root, parse(path), path)
    return msgspec.json.Decoder(_shape(root, "Record"), float_hook=Decimal).decode


def getter(path: str) -> Getter:
    """Takes the value of a path out of what a `decoder` of it made; None where it is missing or null.

    It raises `Unfit` where `[]` finds several items.
    """
    hops = [_hop(list(steps), path) for _, steps in groupby(parse(path), lambda step: isinstance(step, str))]
    first, rest = hops[0], hops[1:]

    def get(record: Any) -> Any:
        try:
            found = first(record)
            for hop in rest:
                found = hop(found)
        except AttributeError:  # something on the way is None
            return None
        return found

    return get


def _hop(steps: list[Step], path: str) -> Getter:
    """Several names at once, or one index after the other."""
    if isinstance(steps[0], str):
        return attrgetter(".".join(map(_attribute, steps)))

    def items(found: Any) -> Any:
        for index in steps:
            found = None if found is None else _item(found, int(index), path)
        return found

    return items


def _item(items: list[Any], index: int, path: str) -> Any:
    if index == ONLY and len(items) > 1:
        raise Unfit("wrong_length", f"Expected a list with one item - at `{path}`")
    index = max(index, 0)
    return items[index] if index < len(items) else None


def _add(node: _Node, steps: Steps, path: str) -> None:
    for step in steps:
        if node.is_value or (node.names if isinstance(step, int) else node.items):
            raise ValueError(
                f"Expected one kind of place on the way to `{path}`: another path has it as something else"
            )
        if isinstance(step, int):
            node.items = below = node.items or _Node()
        else:
            below = node.names.setdefault(step, _Node())
        node = below
    if node.names or node.items:
        raise ValueError(f"Expected a value at `{path}`: another path goes on below it")
    node.is_value = True


def _shape(node: _Node, name: str) -> Any:
    """The type that a place decodes to."""
    if node.items is not None:
        return list[_optional(node.items, f"{name}Item")]  # type: ignore[misc] # made as it runs
    if node.is_value:
        return Any
    fields = [
        (_attribute(step), _optional(below, f"{name}{number}"), None)
        for number, (step, below) in enumerate(node.names.items())
    ]
    return defstruct(name, fields, rename={_attribute(step): step for step in node.names}, gc=False)


def _optional(node: _Node, name: str) -> Any:
    shape = _shape(node, name)
    return shape if shape is Any else shape | None


def _attribute(step: Step) -> str:
    """A name that Python allows, one for each."""
    return "at_" + str(step).encode().hex()
