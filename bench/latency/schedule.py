"""When which event is due. The driver follows it, the reader needs no more than this to know what was intended."""

from msgspec import Struct

NS = 1_000_000_000


class Schedule(Struct, frozen=True):
    """Events `first`, `first + 1`, … at an even pace.

    Attributes:
        began_ns: when the first is due, on the clock that all processes of this machine share (CLOCK_MONOTONIC).
        per_second: how many are due in each second.
        first: the number of the first event.
        count: how many there are.
    """

    began_ns: int
    per_second: float
    first: int
    count: int

    def due_ns(self, number: int) -> int:
        """When an event is due."""
        return self.began_ns + round((number - self.first) * NS / self.per_second)

    @property
    def numbers(self) -> range:
        """The events."""
        return range(self.first, self.first + self.count)
