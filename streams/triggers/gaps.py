"""What is usual of several numbers, and how far they are from it; one that is far off changes neither much.

Source: median and median absolute deviation (MAD), in whole numbers.
"""

import statistics
from collections.abc import Sequence
from itertools import pairwise


def median(values: Sequence[int]) -> int:
    """The middle one; of two in the middle their mean, rounded down. ValueError without any."""
    return (statistics.median_low(values) + statistics.median_high(values)) // 2


def spread(values: Sequence[int]) -> int:
    """The median distance from the median, in the unit of the values. ValueError without any."""
    middle = median(values)
    return median([abs(value - middle) for value in values])


def spread_but_one(values: Sequence[int]) -> int:
    """How far from the median all values but one are at most. ValueError below two."""
    if len(values) < 2:  # noqa: PLR2004 - one and another
        raise ValueError("Expected two values at least")
    middle = median(values)
    return sorted(abs(value - middle) for value in values)[-2]


def gaps(times_ms: Sequence[int]) -> list[int]:
    """The times between each and the next, oldest first; one fewer than there are."""
    return [later - earlier for earlier, later in pairwise(times_ms)]
