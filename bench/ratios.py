"""Ratios from pairs, with an interval."""

from collections.abc import Sequence
from random import Random
from statistics import median

from msgspec import Struct

RESAMPLES = 10_000
LEVEL = 0.95
PAIRS_MIN = 2  # fewer have no interval


class Ratio(Struct, frozen=True):
    """The median of some pairs' ratios and where it lies with 95 % confidence; None below two pairs."""

    pairs: int
    median: float
    low: float | None
    high: float | None

    @property
    def holds_one(self) -> bool:
        """Whether the interval says that both sides may be equal."""
        return self.low is not None and self.high is not None and self.low <= 1 <= self.high

    @property
    def width(self) -> float | None:
        """Half of the interval, in terms of the median."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2 / self.median


def ratio(values: Sequence[float], seed: int = 1, resamples: int = RESAMPLES) -> Ratio | None:
    """Median and bootstrap interval (percentiles of the medians of samples drawn again); None without values.

    The seed makes a page that is written again the same.
    """
    if not values:
        return None
    if len(values) < PAIRS_MIN:
        return Ratio(1, values[0], None, None)
    chance = Random(seed)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(resamples))
    tail = (1 - LEVEL) / 2
    low, high = medians[int(tail * resamples)], medians[int((1 - tail) * resamples) - 1]
    return Ratio(len(values), median(values), low, high)
