"""Counts by period, such as a week or a month: of the latest ones in a row, so that none has to be named."""

from msgspec import Struct, field


class Periods(Struct, array_like=True):
    """What was counted in each of the latest periods.

    Attributes:
        newest: number of the last period, -1 before the first.
        counts: of each, oldest first.
    """

    newest: int = -1
    counts: list[int] = field(default_factory=list)

    def add(self, period: int, more: int, kept_max: int) -> None:
        """Add to a period's count; the oldest periods are forgotten, and what is older than they."""
        ahead = period - self.newest
        if not more or ahead <= -kept_max:
            return
        if ahead > 0:
            passed = min(ahead, kept_max) if self.counts else 1
            self.newest, self.counts, ahead = period, [*self.counts, *([0] * passed)][-kept_max:], 0
        missing = 1 - ahead - len(self.counts)
        if missing > 0:  # one that came late may be the first
            self.counts = [0] * missing + self.counts
        self.counts[ahead - 1] += more

    def total(self, first: int, last: int) -> int:
        """The sum of these periods' counts."""
        oldest = self.newest - len(self.counts) + 1
        return sum(self.counts[max(0, first - oldest) : max(0, last + 1 - oldest)])
