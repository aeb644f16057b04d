"""Visits that come back every year: the row of years, the usual day of the next, and what stands for it.

A year is the calendar's, in the customer's zone: the same day and clock, 28 February where there is no 29th. Dates are
never counted in weeks of the year, so that the turn of the year and a week 53 need no rule of their own.
"""

from bisect import insort
from itertools import count

from msgspec import Struct

from streams.calendar import add_months, period_ms
from streams.events import Caused
from streams.triggers.gaps import median

HALF_DAY_MS = 43_200_000


class Visit(Caused, Struct, array_like=True):
    """A visit that was booked; the first of all that were booked for these weeks.

    Attributes:
        is_decided: whether the visit of the year after was decided on: missed, or booked.
    """

    from_ms: int
    until_ms: int
    event: str
    position: int
    is_decided: bool = False

    def off_ms(self, at_ms: int) -> int:
        """How far an instant is from the visit; 0 while it lasts."""
        return max(0, self.from_ms - at_ms, at_ms - self.until_ms)


class Weeks(Struct, frozen=True):
    """What counts as the same weeks.

    Attributes:
        off_max_ms: how far apart visits of these weeks may be, from year to year and within one.
        moved_max_ms: how far from the usual day this year's visit may be.
        a_year_max: with more visits a year there are no usual weeks.
    """

    zone: str
    off_max_ms: int
    moved_max_ms: int
    a_year_max: int


def remember(visits: list[Visit], visit: Visit, off_max_ms: int, kept_max: int) -> None:
    """Take a booking in, oldest visit first; two for the same weeks are one visit, its date the earlier."""
    same = min(visits, key=lambda one: abs(one.from_ms - visit.from_ms), default=None)
    if same is not None and abs(same.from_ms - visit.from_ms) <= off_max_ms:
        if (visit.from_ms, visit.event) >= (same.from_ms, same.event):
            return
        visits.remove(same)
        visit.is_decided = same.is_decided
    insort(visits, visit, key=lambda one: one.from_ms)
    del visits[:-kept_max]


def row_of_years(last: Visit, visits: list[Visit], weeks: Weeks) -> list[Visit]:
    """The visits about the same day in the years before, without a gap, oldest first, `last` at the end.

    Empty where the customer comes so often that a visit of the year before says nothing.
    """
    since_ms = add_months(last.from_ms, -12, weeks.zone) + weeks.off_max_ms
    if sum(since_ms < one.from_ms <= last.from_ms for one in visits) > weeks.a_year_max:
        return []
    row = [last]
    for years in count(1):
        expected_ms = add_months(last.from_ms, -12 * years, weeks.zone)
        found = min(visits, key=lambda one: abs(one.from_ms - expected_ms))
        if abs(found.from_ms - expected_ms) > weeks.off_max_ms:
            break
        row.insert(0, found)
    return row


def usual_ms(row: list[Visit], zone: str) -> int:
    """Midnight, in the zone, of the usual day in the year after the row's last visit: the median of its days."""
    anniversaries = [add_months(one.from_ms, 12 * years, zone) for years, one in enumerate(reversed(row), 1)]
    return period_ms(median(anniversaries), zone, "day")[0]


def days_later_ms(midnight_ms: int, duration_ms: int, zone: str) -> int:
    """Midnight so many days after a midnight, in the zone, whatever the length of the days between."""
    return period_ms(midnight_ms + duration_ms + HALF_DAY_MS, zone, "day")[0]


def stands_for(last: Visit, usual_at_ms: int, visits: list[Visit], weeks: Weeks) -> Visit | None:
    """The visit in the year after `last` that is its return: near the usual day, and no other visit's return."""
    later = [one for one in visits if one.from_ms > last.from_ms and one.off_ms(usual_at_ms) <= weeks.moved_max_ms]
    mine = [one for one in later if _year_before(one, visits, weeks.zone) is last]
    return min(mine, key=lambda one: one.off_ms(usual_at_ms), default=None)


def _year_before(visit: Visit, visits: list[Visit], zone: str) -> Visit:
    """The visit whose anniversary is nearest."""
    year_before_ms = add_months(visit.from_ms, -12, zone)
    return min(visits, key=lambda one: abs(one.from_ms - year_before_ms))
