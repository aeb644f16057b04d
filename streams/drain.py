"""When to stop rather than drain a source topic into the dead letters: too many of them in a row, or in a window.

Counted per source partition. What was counted is kept beside the committed position, so that a restart goes on counting
and a topic of garbage isn't drained a little at each restart.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many dead letters of one source partition are ordinary.

    Attributes:
        in_a_row_max: one after the other, without a readable record between them.
        ratio_max: of the records of a window, 0 to 1.
        window: how many records a window has; the next one begins where it ends.
    """

    in_a_row_max: Count = 100
    ratio_max: Annotated[float, Meta(ge=0, le=1)] = 0.5
    window: Count = 1_000


class Toll(Struct, frozen=True, array_like=True):
    """What was counted of a source partition: `seen` and `dead` records of the window, and `in_a_row` up to now."""

    seen: int = 0
    dead: int = 0
    in_a_row: int = 0


class TooManyDeadLetters(Exception):  # noqa: N818 - it says what is the matter
    """A limit was crossed by the record at this index."""

    def __init__(self, index: int, toll: Toll) -> None:
        super().__init__(index, toll)
        self.index = index
        self.toll = toll


def count(toll: Toll, records: int, dead: Sequence[int], limits: Limits) -> Toll:
    """Count so many more records. `dead`: which of them became dead letters, by index, ascending.

    Raises:
        TooManyDeadLetters: with that many, a limit is crossed; where, it says.
    """
    window, in_window, in_a_row, before = 0, toll.dead, toll.in_a_row, -1
    for index in dead:
        in_a_row = in_a_row + 1 if index == before + 1 else 1
        if (number := (toll.seen + index) // limits.window) != window:
            window, in_window = number, 0
        in_window += 1
        before = index
        if in_a_row > limits.in_a_row_max or in_window > limits.ratio_max * limits.window:
            raise TooManyDeadLetters(index, Toll((toll.seen + index) % limits.window + 1, in_window, in_a_row))
    last, seen = divmod(toll.seen + records, limits.window)
    return Toll(seen, in_window if last == window else 0, in_a_row if before == records - 1 else 0)
