"""YAML as people read it: what YAML 1.1 turns into booleans, base 60 numbers and dates stays a string.

Booleans are `true` and `false`, numbers are decimal; `off`, `NO`, `21:00`, `2026-01-31` and `0123` are strings. A
repeated key is an error, and so are tags and aliases, which no configuration of ours needs.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml
from msgspec import Struct

_STRING, _NULL, _BOOLEAN, _INTEGER, _FLOAT = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float")
)
_KINDS = (
    (_NULL, re.compile(r"(?:~|null|)$")),
    (_BOOLEAN, re.compile(r"(?:true|false)$")),
    (_INTEGER, re.compile(r"-?(?:0|[1-9][0-9]*)$")),
    (_FLOAT, re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$")),
)
_READ: dict[str, Callable[[str], Any]] = {
    _NULL: lambda _: None,
    _BOOLEAN: lambda text: text == "true",
    _INTEGER: int,
    _FLOAT: float,
    _STRING: str,
}


class YamlError(Exception):
    """A file that is no YAML of ours; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Document(Struct, frozen=True):
    """What a file holds, and the line of each place in it by path, as in `$.card_testing.window` or `$.list[0]`."""

    value: Any
    lines: dict[str, int]


class _Loader(yaml.SafeLoader):
    """Finds the nodes; which scalar is what, we say ourselves."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and value is not None and implicit[0]:
            return next((tag for tag, pattern in _KINDS if pattern.match(value)), _STRING)
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call] # PyYAML's own has no types

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # the same
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise YamlError("an alias (*name) can't be used here; write the values out", line)
        return super().compose_node(parent, index)


def read(content: bytes) -> Document:
    """Read one YAML document; an empty one is None.

    Raises:
        YamlError: it is not UTF-8, not YAML, or uses what is not allowed here.
    """
    try:
        node = yaml.compose(content.decode(), _Loader)
    except UnicodeDecodeError as error:
        raise YamlError("not UTF-8 text", content.count(b"\n", 0, error.start) + 1) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(error.problem or "not YAML", mark.line + 1 if mark else 1) from None
    except yaml.YAMLError as error:
        raise YamlError(str(error).splitlines()[0], 1) from None
    lines: dict[str, int] = {}
    return Document(None if node is None else _value(node, "$", lines), lines)


def _value(node: yaml.Node, path: str, lines: dict[str, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_value(one, f"{path}[{number}]", lines) for number, one in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and node.tag in _READ:
        return _READ[node.tag](node.value)
    raise YamlError(f"a tag ({node.tag}) can't be used here", node.start_mark.line + 1)


def _mapping(node: yaml.MappingNode, path: str, lines: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError("a key must be a word", line)
        if key.value in found:
            before = lines[f"{path}.{key.value}"]
            raise YamlError(f"the key {key.value!r} stands here a second time, first in line {before}", line)
        lines[f"{path}.{key.value}"] = line
        found[key.value] = _value(value, f"{path}.{key.value}", lines)
    return found
