"""A customer's own base line: on how many days of a week something happened, and since when it is hardly any.

Days count, not events: so it is the same in whatever order events come and however often they are told, and one busy
hour is no habit. A week begins on Monday, in UTC, so that a move to another time zone changes nothing.
"""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct, field

from streams.triggers.wording import DAY_MS

WEEK_MS = 7 * DAY_MS
WEEKS_A_YEAR = 52
MONTH_WEEKS = 4
_MONDAY_DAYS = 3  # from the Monday before the epoch, a Thursday


def week_of(at_ms: int) -> int:
    """The number of the week, the epoch's being 0."""
    return (at_ms // DAY_MS + _MONDAY_DAYS) // 7


def week_end_ms(week: int) -> int:
    """When that week ends and the next begins."""
    return (week + 1) * WEEK_MS - _MONDAY_DAYS * DAY_MS


class Weeks(Struct, array_like=True):
    """The days of the latest weeks on which something happened.

    Attributes:
        newest: number of the last week, -1 before the first.
        days: the days of each week, as the bits of a byte, oldest first. A list of as many numbers takes ten times as
            long to read and write.
    """

    newest: int = -1
    days: bytearray = field(default_factory=bytearray)

    @property
    def oldest(self) -> int:
        """Number of the first week known."""
        return self.newest - len(self.days) + 1

    def mark(self, at_ms: int, kept_max: int) -> None:
        """Something happened on that day."""
        week = week_of(at_ms)
        if not self.days:
            self.newest, self.days = week, bytearray(1)
        self.move_on(week, kept_max)
        back = self.newest - week + 1
        if back > len(self.days):  # one that came late may be the first
            self.days = bytearray(max(0, min(back, kept_max) - len(self.days))) + self.days
        if back <= len(self.days):
            self.days[-back] |= 1 << (at_ms // DAY_MS + _MONDAY_DAYS) % 7

    def move_on(self, week: int, kept_max: int) -> None:
        """Time has come to that week; the oldest weeks are forgotten."""
        passed = week - self.newest
        if passed > 0:
            self.days = (self.days + bytearray(min(passed, kept_max)))[-kept_max:]
            self.newest = week

    def counts(self) -> list[int]:
        """The number of days of each week, oldest first."""
        return [bits.bit_count() for bits in self.days]


class Fall(Struct, frozen=True):
    """Weeks in a row, up to the last one, with far less than before.

    Attributes:
        weeks: how many they are.
        before: the weeks that the base line was taken from, oldest first.
        usual: the base line, their median.
        most: what a week of the fall has at most.
    """

    weeks: int
    before: tuple[int, ...]
    usual: float
    most: float


def fall(counts: Sequence[int], base_weeks: int, lasting_weeks: int, left_percent_max: int) -> Fall | None:
    """The fall that the last weeks are: at least `lasting_weeks`, each with so little of the weeks before; or None."""
    top = max(counts, default=0) * left_percent_max / 100
    for weeks in range(lasting_weeks, len(counts) - base_weeks + 1):
        highest, before = max(counts[-weeks:]), tuple(counts[-weeks - base_weeks : -weeks])
        if highest > top:
            return None
        usual = median(before)
        most = usual * left_percent_max / 100
        if highest <= most < before[-1]:  # else it began earlier
            return Fall(weeks, before, usual, most)
    return None


def silent_weeks(counts: Sequence[int]) -> int:
    """How many weeks there was nothing, up to the last one."""
    return next((number for number, count in enumerate(reversed(counts)) if count), len(counts))


def is_yearly(counts: Sequence[int], quiet: Fall, off_weeks: int, compared_max: int) -> bool:
    """Whether the same weeks of the year before were as quiet, give or take `off_weeks`.

    Of a long time only its latest weeks are compared. A shorter fall must have been one then too, from more within the
    month before: who did little all that year has no holiday. What isn't known was not quiet.
    """
    weeks = min(quiet.weeks, compared_max)
    for off in range(-off_weeks, off_weeks + 1):
        end = len(counts) - WEEKS_A_YEAR + off
        begin = end - weeks
        if begin < 0 or max(counts[begin:end]) > quiet.most:
            continue
        is_fall = max(counts[max(0, begin - MONTH_WEEKS - off_weeks) : begin], default=0) > quiet.most
        if is_fall or quiet.weeks > weeks or not quiet.most:
            return True
    return False
