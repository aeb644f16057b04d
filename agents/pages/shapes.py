"""JSON Schemas in a reader's words: of what type a value is, between which bounds, what it means."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

Shape = dict[str, Any]
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "length ≥ {}",
    "maxLength": "length ≤ {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {}",
}
_WORDS = {"string": "text", "boolean": "true or false", "array": "list", "object": "map"}
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_ANOTHER = re.compile(r"; `?(\w+)`?: ")  # a second field on the line of the first


def reference_of(shape: Shape) -> str | None:
    """The name of the shape that this one refers to."""
    return str(shape["$ref"]).rpartition("/")[2] if "$ref" in shape else None


def kind(shape: Shape) -> str:
    """Its type: `integer`, `one of a, b`, `list of text`, the name of a shape that has a table of its own."""
    if "anyOf" in shape:
        return " or ".join(dict.fromkeys(map(kind, shape["anyOf"])))
    if "enum" in shape:
        return "one of " + ", ".join(f"`{value}`" for value in shape["enum"])
    if shape.get("format") == "duration":
        return "duration"
    name = str(shape.get("type", ""))
    words = reference_of(shape) or _WORDS.get(name, name)
    inner = shape.get("items" if name == "array" else "additionalProperties")
    if isinstance(inner, dict) and inner:
        words += f"{' of' if name == 'array' else ' to'} {kind(inner)}"
    return words


def bounds(shape: Shape) -> str:
    """Its limits, of one that may be null those of the other kind."""
    found = [words.format(shape[name]) for name, words in _BOUNDS.items() if name in shape]
    inner = [told for one in shape.get("anyOf", ()) if (told := bounds(one))]
    return ", ".join(found + inner)


def default(shape: Shape, *, is_required: bool = False) -> str:
    """Its default as YAML or JSON says it; an empty cell where there is none to tell."""
    if is_required:
        return "required"
    if "default" not in shape:
        return ""
    value = shape["default"]
    return f"`{value if isinstance(value, str) and value else msgspec.json.encode(value).decode()}`"


def summary(shape: Shape) -> str:
    """What a struct's documentation says before its attributes, as one line."""
    return one_line(
        str(shape.get("description", "")).partition("\n\n    Attributes:")[0].partition("\n\nAttributes:")[0]
    )


def attributes(shape: Shape) -> dict[str, str]:
    """What a struct's documentation says of each of its fields."""
    text = inspect.cleandoc(str(shape.get("description", ""))).partition("Attributes:")[2]
    told: dict[str, str] = {}
    for first, words in _ATTRIBUTE.findall(text):
        name, *further = (first, *_ANOTHER.split(one_line(words)))
        told |= dict(zip((name, *further[1::2]), further[::2], strict=True))
    return told


def one_line(text: str) -> str:
    """The same without line breaks."""
    return " ".join(text.split())


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A Markdown table, line by line; a bar inside a cell stays one."""
    columns = list(head)
    yield _row(columns)
    yield "|" + "---|" * len(columns)
    yield from map(_row, rows)


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
