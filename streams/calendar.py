"""Days, weeks and months as a customer has them: in the customer's own time zone, by the calendar.

Zones come from the pinned `tzdata` package and never from the machine, so that every machine decides alike
(docs/decisions/0005-time-zones-are-pinned.md). A week begins on Monday (ISO 8601).
"""

from calendar import monthrange
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; UTC for a name that doesn't exist."""
    known = name if name in _names() else "UTC"
    with resources.files("tzdata").joinpath("zoneinfo", *known.split("/")).open("rb") as content:
        return ZoneInfo.from_file(content, key=known)


def is_known(name: str) -> bool:
    """Whether there is a zone of that name."""
    return name in _names()


def zone_names() -> list[str]:
    """Every name that there is a zone of, sorted."""
    return sorted(_names())


def local(at_ms: int, zone_name: str) -> datetime:
    """The wall clock of a zone at an instant."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone(zone_name))


def period_ms(at_ms: int, zone_name: str, period: Period) -> tuple[int, int]:
    """From when and until when the calendar day, week or month around an instant lasts in a zone."""
    midnight = local(at_ms, zone_name).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "day":
        return _at_ms(midnight), _at_ms(midnight + timedelta(days=1))
    if period == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return _at_ms(monday), _at_ms(monday + timedelta(days=7))
    first = midnight.replace(day=1)
    return _at_ms(first), _at_ms(first + timedelta(days=monthrange(first.year, first.month)[1]))


def quiet_until_ms(at_ms: int, zone_name: str, begin: time, end: time) -> int | None:
    """When the quiet hours around an instant end in a zone; None outside of them. They may go over midnight."""
    now = local(at_ms, zone_name)
    clock = now.time()
    is_quiet = begin <= clock < end if begin <= end else clock >= begin or clock < end
    if not is_quiet:
        return None
    ends = now.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0, fold=0)
    return _at_ms(ends if clock < end else ends + timedelta(days=1))


def add_months(at_ms: int, months: int, zone_name: str = "UTC") -> int:
    """The same day and clock so many months later (earlier if negative); the month's last day where it is shorter.

    Six months after 31 August is 28 or 29 February; a year after 29 February is 28 February.
    """
    now = local(at_ms, zone_name)
    year, month = divmod(now.year * 12 + now.month - 1 + months, 12)
    day = min(now.day, monthrange(year, month + 1)[1])
    return _at_ms(now.replace(year=year, month=month + 1, day=day))


def _at_ms(moment: datetime) -> int:
    """Arithmetic on a local time is on its wall clock; here it becomes an instant again, by the zone's offset then."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


@cache
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
