"""How far a share can be trusted: Wilson's score interval, and Newcombe's for the difference of two shares.

Source: R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872 (method 3) and 873-890 (method 10): good for small
numbers and for shares near 0 and 1, where the usual formula fails.
"""

from math import sqrt

from msgspec import Struct

Z = 1.959964  # 95 %, two-sided


class Share(Struct, frozen=True):
    """`count` of `total`, with the bounds of its 95 % interval; all 0 to 1, None where nothing was counted."""

    count: int
    total: int
    share: float | None
    low: float | None
    high: float | None


class Difference(Struct, frozen=True):
    """One share less another, with the bounds of its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether 0 is outside of the interval."""
        return self.low > 0 or self.high < 0


def share_of(count: int, total: int) -> Share:
    """A share with Wilson's interval."""
    if not total:
        return Share(count, total, None, None, None)
    share, spread = count / total, Z * Z / total
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * sqrt(share * (1 - share) / total + spread / (4 * total))
    return Share(count, total, share, max(0.0, centre - half), min(1.0, centre + half))


def difference_of(one: Share, other: Share) -> Difference | None:
    """One share less the other; None where either has nothing counted."""
    if one.share is None or one.low is None or one.high is None:
        return None
    if other.share is None or other.low is None or other.high is None:
        return None
    difference = one.share - other.share
    low = difference - sqrt((one.share - one.low) ** 2 + (other.high - other.share) ** 2)
    high = difference + sqrt((one.high - one.share) ** 2 + (other.share - other.low) ** 2)
    return Difference(difference, low, high)
