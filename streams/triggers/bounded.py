"""Lists and maps that forget: what state is made of."""

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def put_last(kept: dict[Key, Value], key: Key, value: Value, kept_max: int) -> None:
    """Put an entry at the end of a map ordered by last use; the least recently used make room.

    A key that is there already must have been taken out before, or it keeps its place.
    """
    kept[key] = value
    while len(kept) > kept_max:
        del kept[next(iter(kept))]
