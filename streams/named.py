"""Stored records as JSON with their field names, which the store leaves out."""

from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Raw, Struct

_encode = msgspec.json.Encoder().encode
_CONTAINERS = (dict, list, tuple)


@cache
def named(kind: Any) -> Any:
    """The type whose values are written with the names of `kind`'s fields; `Any` where there are none in it.

    Raises:
        TypeError: records of several types may stand in one place; which it is, attributes don't tell.
    """
    if isinstance(kind, type) and issubclass(kind, Struct):
        hints = get_type_hints(kind)
        return msgspec.defstruct(kind.__name__, [(one, named(hints[one])) for one in kind.__struct_fields__])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        several = {named(one) for one in arguments if one is not NoneType}
        if len(several) > 1:
            raise TypeError(f"{kind} may be records of several types")
        return several.pop() | None if several != {Any} else Any
    if origin not in _CONTAINERS:
        return Any
    inner = [one if one is Ellipsis else named(one) for one in arguments]
    has_names = any(one is not Any and one is not Ellipsis for one in inner)
    return origin[tuple(inner)] if has_names else Any


def as_json(record: Any, kind: Any) -> bytes:
    """A record that has the fields of `kind`, or a container of such."""
    return _encode(msgspec.convert(record, named(kind), from_attributes=True))


def joined(first: bytes, second: bytes) -> Raw:
    """Two JSON objects as one; neither is empty."""
    return Raw(first[:-1] + b"," + second[1:])
