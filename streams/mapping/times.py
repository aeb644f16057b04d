"""Times as sources write them, to milliseconds since the epoch.

A format is a few directives of `strptime`, compiled to a pattern: names of months would depend on the machine's
language. A local time needs a zone; what the clocks never show is refused, what they show twice is as was asked for.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from streams.calendar import zone
from streams.mapping.amounts import to_integer
from streams.mapping.document import EPOCH_MS, EPOCH_S, ISO8601
from streams.mapping.paths import Unfit

Ambiguous = Literal["earlier", "later", "refuse"]
Clock = Callable[[object, int], int]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
RECEIVED_MS_MAX = 4_102_444_800_000  # up to the year 2100
AHEAD_MAX = timedelta(days=1)  # clocks differ, and so do zones
YEARS_BACK_MAX = 10  # 29 February: none in the eight years around 2100
_PARTS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{2})",
    "d": r"(?P<d>\d{2})",
    "H": r"(?P<H>\d{2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,9})",
    "z": r"(?P<z>Z|[-+]\d{2}:?\d{2})",
    "%": "%",
}
_DIRECTIVE = re.compile(r"%(.?)|([^%]+)", re.DOTALL)


class Zoned:
    """Local times of one zone; `name` None says that each time must have its own offset."""

    def __init__(self, name: str | None, ambiguous: Ambiguous | None) -> None:
        self._zone: tzinfo | None = None if name is None else zone(name)
        self._ambiguous = ambiguous

    def at_ms(self, said: datetime, where: str) -> int:
        """The instant.

        Raises:
            Unfit: it has no offset, or the clocks of the zone never show it, or twice.
        """
        if said.tzinfo is not None:
            return (said - EPOCH) // MILLISECOND
        if self._zone is None:
            raise Unfit("unreadable_time", f"Expected a time with its offset from UTC, or a `zone` for it - at {where}")
        local = said.replace(tzinfo=self._zone)
        before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
        if before != after:
            local = self._chosen(local, where, is_gap=(before or timedelta()) < (after or timedelta()))
        return (local - EPOCH) // MILLISECOND

    def _chosen(self, local: datetime, where: str, *, is_gap: bool) -> datetime:
        if is_gap:
            raise Unfit("nonexistent_time", f"Expected a time that the zone's clocks show - at {where}")
        if self._ambiguous in ("earlier", "later"):
            return local.replace(fold=int(self._ambiguous == "later"))
        raise Unfit("ambiguous_time", f"Expected a time that the zone's clocks show once - at {where}")


def clock(kind: str, zone_name: str | None, ambiguous: Ambiguous | None, where: str) -> Clock:
    """Reads times of one kind: `iso8601`, `epoch_s`, `epoch_ms` or a format.

    What it makes is called with what JSON has and the record's own Kafka timestamp, which decides the year where the
    format has none: the latest that doesn't bring it more than a day ahead. It raises `Unfit`.

    Raises:
        ValueError: the format isn't one; says why.
    """
    if kind == EPOCH_MS:
        return lambda found, _: to_integer(found, 0, where)
    if kind == EPOCH_S:
        return lambda found, _: to_integer(_milliseconds_of(found), 3, where)
    zoned = Zoned(zone_name, ambiguous)
    if kind == ISO8601:
        return lambda found, _: zoned.at_ms(_iso(found, where), where)
    pattern = compiled(kind)
    if "Y" in pattern.groupindex or "y" in pattern.groupindex:
        return lambda found, _: zoned.at_ms(_parsed(_matched(pattern, found, kind, where), kind, where), where)

    def without_year(found: object, received_ms: int) -> int:
        return zoned.at_ms(_latest(_matched(pattern, found, kind, where), kind, where, received_ms), where)

    return without_year


def compiled(kind: str) -> re.Pattern[str]:
    """A format as a pattern, whose groups are named like its directives.

    Raises:
        ValueError: it isn't one; says why.
    """
    parts = []
    for directive, text in _DIRECTIVE.findall(kind):
        if not text and directive not in _PARTS:
            known = " ".join(f"%{name}" for name in _PARTS)
            raise ValueError(f"Expected one of {known}, got `%{directive}`")
        parts.append(re.escape(text) if text else _PARTS[directive])
    try:
        pattern = re.compile("".join(parts), re.ASCII)
    except re.error:
        raise ValueError("Expected each directive once") from None
    if not {"m", "d"} <= pattern.groupindex.keys():
        raise ValueError(f"Expected {ISO8601}, {EPOCH_S}, {EPOCH_MS}, or a format with a day, as in %Y-%m-%d %H:%M:%S")
    return pattern


def _milliseconds_of(found: object) -> object:
    """Seconds without what is finer than a millisecond."""
    if not isinstance(found, str) or "." not in found or "e" in found.lower():
        return found
    whole, _, fraction = found.partition(".")
    return f"{whole}.{fraction[:3]}"


def _iso(found: object, where: str) -> datetime:
    try:
        return datetime.fromisoformat(_text(found, where))
    except ValueError:
        raise Unfit("unreadable_time", f"Expected an ISO 8601 time, as in 2026-01-31T12:30:00Z - at {where}") from None


def _matched(pattern: re.Pattern[str], found: object, kind: str, where: str) -> re.Match[str]:
    match = pattern.fullmatch(_text(found, where))
    if match is None:
        raise Unfit("unreadable_time", f"Expected a time as in `{kind}` - at {where}")
    return match


def _text(found: object, where: str) -> str:
    if type(found) is int:
        return str(found)
    if not isinstance(found, str):
        raise Unfit("wrong_type", f"Expected text with a time - at {where}")
    return found.strip()


def _parsed(match: re.Match[str], kind: str, where: str, year: int | None = None) -> datetime:
    """The moment that a match names, in `year` where it names none. Two digits of a year are of this century."""
    found = match.groupdict()
    named = year if year is not None else int(found.get("Y") or f"20{found['y']}")
    hour, minute, second = (int(found.get(part) or 0) for part in "HMS")
    microsecond = int((found.get("f") or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(named, int(found["m"]), int(found["d"]), hour, minute, second, microsecond)  # noqa: DTZ001 - its zone comes next
        return moment.replace(tzinfo=datetime.strptime(found["z"], "%z").tzinfo) if "z" in found else moment
    except ValueError:
        raise Unfit("unreadable_time", f"Expected a time of the calendar, as in `{kind}` - at {where}") from None


def _latest(match: re.Match[str], kind: str, where: str, received_ms: int) -> datetime:
    """The moment in the latest year in which it isn't ahead of the record's own timestamp by more than a day."""
    limit = EPOCH + min(max(received_ms, 0), RECEIVED_MS_MAX) * MILLISECOND + AHEAD_MAX
    fault = Unfit("unreadable_time", f"Expected a time of the calendar, as in `{kind}` - at {where}")
    for year in range(limit.year, limit.year - YEARS_BACK_MAX, -1):
        try:
            moment = _parsed(match, kind, where, year)
        except Unfit as error:
            fault = error
        else:
            if moment.replace(tzinfo=moment.tzinfo or UTC) <= limit:
                return moment
    raise fault
