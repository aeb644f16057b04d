"""What a fault in a config probably means: the nearest valid name, and how a value of that kind is written."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from streams.policy import CLOCK

# What msgspec says of a value, and how such a value is written; the first that fits is added.
_WRITTEN = (
    ("duration", "a duration is ISO 8601, as in P14D or PT15M"),
    (CLOCK, "a time of day is HH:MM, as in 08:00"),
    ("Expected `int`, got `float`", "a whole number"),
    ("Expected `int`, got `str`", "digits only, without a unit, quotes, or signs between them"),
    ("Expected `float`, got `str`", "a decimal number, as in 0.25, without a unit or quotes"),
    ("Expected `bool`", "true or false"),
)


def suggestion(given: str, known: Iterable[str]) -> str:
    """The valid name nearest to what was given, else all of them."""
    names = sorted(known)
    close = get_close_matches(given.lower().replace("-", "_"), names, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; expected one of {', '.join(names)}"


def plainly(fault: str, key: str) -> str:
    """A complaint of msgspec about the value of a key, with how such a value is written."""
    if "_minor" in key and fault.startswith("Expected `int`, got"):
        return f"{fault}; money is in minor units: 500 is 5.00"
    how = next((how for said, how in _WRITTEN if said.lower() in fault.lower()), None)
    return fault if how is None else f"{fault.partition(' matching regex')[0]}; {how}"


def keys_at(shape: type, path: Iterable[str]) -> list[str]:
    """The keys that a mapping may have at a path below a struct; empty where any may stand."""
    found = _at(shape, path)
    return [field.encode_name for field in found.fields] if isinstance(found, inspect.StructType) else []


def choices_at(shape: type, path: Iterable[str]) -> list[str]:
    """The words from which a value at a path is chosen; empty where it isn't one of several."""
    found = _at(shape, path)
    return [str(value) for value in found.values] if isinstance(found, inspect.LiteralType) else []


def _at(shape: type, path: Iterable[str]) -> Any:
    found: Any = _bare(inspect.type_info(shape))
    for key in path:
        if isinstance(found, inspect.StructType):
            found = next((field.type for field in found.fields if field.encode_name == key), None)
        elif isinstance(found, inspect.DictType):
            found = found.value_type
        elif isinstance(found, inspect.ListType | inspect.VarTupleType):
            found = found.item_type
        else:
            return None
        found = _bare(found)
    return found


def _bare(found: Any) -> Any:
    """A type without what is said about it, and without the null that may stand in its place."""
    if isinstance(found, inspect.Metadata):
        return _bare(found.type)
    if isinstance(found, inspect.UnionType):
        others = [one for one in found.types if not isinstance(one, inspect.NoneType)]
        return _bare(others[0]) if len(others) == 1 else found
    return found
