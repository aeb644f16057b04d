"""Times as sources write them, to milliseconds since the epoch.

A format is a few directives of `strptime`, compiled to a pattern: names of months would depend on the machine's
language. A local time needs a zone; what the clocks never show is refused, what they show twice is as was asked for.
"""

import re
from calendar import isleap
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
NONE = timedelta()
LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what is compared with it is local time
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
        self._zone: tzinfo | None = None if name is None else UTC if name == "UTC" else zone(name)
        self._ambiguous = ambiguous

    def at_ms(self, said: datetime, where: str) -> int:
        """The instant.

        Raises:
            Unfit: it has no offset, or the clocks of the zone never show it, or twice.
        """
        if said.tzinfo is not None:
            return _milliseconds(said - EPOCH)
        if self._zone is None:
            raise Unfit("unreadable_time", f"Expected a time with its offset from UTC, or a `zone` for it - at {where}")
        return _milliseconds(said - LOCAL_EPOCH) - _milliseconds(self._offset(said, self._zone, where))

    def _offset(self, said: datetime, zone: tzinfo, where: str) -> timedelta:
        """The zone's offset at a local time: before and after a change of the clocks it may have two."""
        again = datetime(said.year, said.month, said.day, said.hour, said.minute, said.second, fold=1)  # noqa: DTZ001 - local
        before, after = (
            zone.utcoffset(said) or NONE,
            zone.utcoffset(again) or NONE,
        )  # `replace` would take twice as long
        if before == after:
            return before
        if before < after:
            raise Unfit("nonexistent_time", f"Expected a time that the zone's clocks show - at {where}")
        if self._ambiguous in ("earlier", "later"):
            return before if self._ambiguous == "earlier" else after
        raise Unfit("ambiguous_time", f"Expected a time that the zone's clocks show once - at {where}")


class Format:
    """A format, compiled.

    Raises:
        ValueError: it isn't one; says why.
    """

    def __init__(self, said: str) -> None:
        self._said = said
        self._pattern = _compiled(said)
        named = self._pattern.groupindex
        self.has_offset = "z" in named
        self.has_year = "Y" in named or "y" in named
        self._clock = tuple(part for part in ("m", "d", "H", "M", "S") if part in named)
        if not {"m", "d"} <= named.keys() or "".join(self._clock) not in ("md", "mdH", "mdHM", "mdHMS"):
            raise ValueError(f"Expected {ISO8601}, {EPOCH_S}, {EPOCH_MS}, or a format as in %Y-%m-%d %H:%M:%S")

    def read(self, found: object, where: str) -> datetime:
        """The moment, in its own year. Two digits of a year are of this century."""
        match = self._matched(found, where)
        year = match["Y"] if "Y" in self._pattern.groupindex else f"20{match['y']}"
        return self._moment(match, int(year), where)

    def latest(self, found: object, received_ms: int, where: str) -> datetime:
        """The moment in the latest year in which it isn't ahead of the record's own timestamp by more than a day."""
        match = self._matched(found, where)
        limit = EPOCH + min(max(received_ms, 0), RECEIVED_MS_MAX) * MILLISECOND + AHEAD_MAX
        for year in range(limit.year, limit.year - YEARS_BACK_MAX, -1):
            if match["m"] == "02" and match["d"] == "29" and not isleap(year):
                continue
            moment = self._moment(match, year, where)
            if moment.replace(tzinfo=moment.tzinfo or UTC) <= limit:
                return moment
        raise self._unfit(where)

    def _matched(self, found: object, where: str) -> re.Match[str]:
        match = self._pattern.fullmatch(_text(found, where))
        if match is None:
            raise self._unfit(where)
        return match

    def _moment(self, match: re.Match[str], year: int, where: str) -> datetime:
        try:
            moment = datetime(year, *map(int, match.group(*self._clock)))  # type: ignore[arg-type] # noqa: DTZ001 - its zone comes next
        except ValueError:
            raise self._unfit(where) from None
        if "f" in self._pattern.groupindex:
            moment = moment.replace(microsecond=int(match["f"].ljust(6, "0")[:6]))
        return moment.replace(tzinfo=datetime.strptime(match["z"], "%z").tzinfo) if self.has_offset else moment

    def _unfit(self, where: str) -> Unfit:
        return Unfit("unreadable_time", f"Expected a time of the calendar, as in `{self._said}` - at {where}")


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
    form = Format(kind)
    if form.has_year:
        return lambda found, _: zoned.at_ms(form.read(found, where), where)
    return lambda found, received_ms: zoned.at_ms(form.latest(found, received_ms, where), where)


def _milliseconds(span: timedelta) -> int:
    """Whole ones, rounded down: a division of spans takes three times as long."""
    return (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000


def _compiled(said: str) -> re.Pattern[str]:
    """A pattern whose groups are named like the directives."""
    parts = []
    for directive, text in _DIRECTIVE.findall(said):
        if not text and directive not in _PARTS:
            known = " ".join(f"%{name}" for name in _PARTS)
            raise ValueError(f"Expected one of {known}, got `%{directive}`")
        parts.append(re.escape(text) if text else _PARTS[directive])
    try:
        return re.compile("".join(parts), re.ASCII)
    except re.error:
        raise ValueError("Expected each directive once") from None


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


def _text(found: object, where: str) -> str:
    if type(found) is int:
        return str(found)
    if not isinstance(found, str):
        raise Unfit("wrong_type", f"Expected text with a time - at {where}")
    return found.strip()
