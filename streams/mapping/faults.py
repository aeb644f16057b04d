"""What the settings of a source can't mean though each value alone is of the right kind."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_type_hints

import msgspec

from streams.calendar import is_known, zone_names
from streams.events import Event
from streams.mapping.document import EPOCH_MS, EPOCH_S, ISO8601, TYPES, Field, SourceSettings, as_field
from streams.mapping.paths import decoder, parse
from streams.mapping.reader import every_path, required
from streams.mapping.times import Format
from streams.mapping.values import AMOUNT, FLAG, INTEGER, LIST, NUMBER, TABLE, TEXT, TIME, kinds

Fault = tuple[str, str]
_ONLY_FOR = {
    "unit": (AMOUNT,),
    "sign": (AMOUNT,),
    "currency": (AMOUNT,),
    "time": (TIME,),
    "zone": (TIME,),
    "ambiguous": (TIME,),
    "split": (LIST,),
    "prefix": (TEXT, LIST),
    "map": (TEXT,),
    "values": (TEXT, INTEGER, NUMBER, FLAG, LIST, TABLE),
}


def faults(settings: SourceSettings, maps: Collection[str], currencies: Mapping[str, int]) -> Iterator[Fault]:
    """Each fault: the path below the source, and what was expected.

    Args:
        settings: each value of the right kind.
        maps: the names of the file's maps.
        currencies: each currency that has minor units.
    """
    if settings.fields is None:
        return
    event = TYPES[settings.type]
    kind, fields = kinds(event), {name: as_field(one) for name, one in settings.fields.items()}
    missing = sorted(required(event) - fields.keys())
    if missing:
        yield "fields", f"Expected each field that {settings.type} can't be without; missing: {', '.join(missing)}"
    for name, one in fields.items():
        path = f"fields.{name}"
        if name not in kind:
            yield path, f"Expected a field of {settings.type}{_nearest(name, kind)}"
            continue
        for below, what in _field_faults(name, one, kind[name], event):
            yield f"{path}.{below}".removesuffix("."), what
        if one.map is not None and one.map not in maps:
            yield f"{path}.map", f"Expected one of the `maps` of this file{_nearest(one.map, maps)}"
        yield from ((f"{path}.{below}", what) for below, what in _currency_faults(one, fields, kind, currencies))
    yield from _path_faults(fields)


def _field_faults(name: str, one: Field, kind: str, event: type[Event]) -> Iterator[Fault]:
    given = [word for word in ("path", "key", "constant") if getattr(one, word) not in (None, False)]
    if len(given) != 1:
        yield "", f"Expected one of path, key, constant; found {' and '.join(given) or 'none of them'}"
    for word, some in _ONLY_FOR.items():
        if getattr(one, word) not in (None, "") and kind not in some:
            yield word, f"Expected only for a field that is {' or '.join(some)}; this one is {kind}"
    if one.constant is None:
        yield from _beside_faults(one, kind)
        yield from _time_faults(one) if kind == TIME else ()
    elif one != Field(constant=one.constant):
        yield "constant", "Expected nothing beside a constant: it is the event's own value"
    yield from _value_faults(name, one, kind, event)


def _beside_faults(one: Field, kind: str) -> Iterator[Fault]:
    """What would have no effect, or is missing, beside the rest."""
    if one.values is not None and one.map is not None:
        yield "map", "Expected `values` or `map`, not both"
    if one.otherwise is not None and one.values is None:
        yield "otherwise", "Expected only beside `values`"
    if one.prefix and (one.values or one.map):
        yield "prefix", "Expected only where the text itself is taken, without `values` or `map`"
    if kind == AMOUNT and one.unit is None:
        yield "unit", "Expected minor (cents) or major (euros)"
    if one.currency is not None and one.unit == "minor":
        yield "currency", "Expected only beside `unit: major`: it tells the decimals"
    if one.decimal != "." and kind != AMOUNT:
        yield "decimal", f"Expected only for a field that is amount; this one is {kind}"
    if (one.zone or one.ambiguous) and one.time in (EPOCH_S, EPOCH_MS):
        yield "time", "Expected a time of the clock beside `zone` and `ambiguous`; this one is counted from 1970 in UTC"


def _time_faults(one: Field) -> Iterator[Fault]:
    if one.time is None:
        yield "time", f"Expected {ISO8601}, {EPOCH_S}, {EPOCH_MS}, or a format such as %Y-%m-%d %H:%M:%S"
        return
    if one.zone is not None and not is_known(one.zone):
        yield "zone", f"Expected an IANA time zone, as in Europe/Berlin{_nearest(one.zone, zone_names())}"
    if one.zone not in (None, "UTC") and one.ambiguous is None:
        yield (
            "ambiguous",
            "Expected earlier, later or refuse: what a time means that the zone's clocks show twice a year",
        )
    if one.time in (ISO8601, EPOCH_S, EPOCH_MS):
        return
    try:
        has_offset = Format(one.time).has_offset
    except ValueError as error:
        yield "time", str(error)
        return
    if not has_offset and one.zone is None:
        yield "zone", "Expected the zone of a time that has no offset (%z) in it"


def _value_faults(name: str, one: Field, kind: str, event: type[Event]) -> Iterator[Fault]:
    """Constants, and what values mean, must be what the event may have there."""
    hint = get_type_hints(event, include_extras=True)[name]
    said = [("constant", one.constant), ("otherwise", one.otherwise), ("default", one.default)]
    said += [(f"values.{text}", value) for text, value in (one.values or {}).items()]
    for where, value in said:
        if value is not None:
            try:
                msgspec.convert(_as_whole(value, kind, where), hint)
            except msgspec.ValidationError as error:
                yield where, str(error).partition(" - at ")[0]


def _as_whole(value: Any, kind: str, where: str) -> Any:
    """What a value means is one item of a list or table; a constant is all of it."""
    if where == "otherwise" or where.startswith("values."):
        return [value] if kind == LIST else {"name": value} if kind == TABLE else value
    return value


def _currency_faults(
    one: Field, fields: Mapping[str, Field], kind: Mapping[str, str], currencies: Mapping[str, int]
) -> Iterator[Fault]:
    if one.currency is not None and one.currency not in currencies:
        yield "currency", f"Expected an ISO 4217 currency with minor units{_nearest(one.currency, currencies)}"
    if one.unit == "major" and one.currency is None and "currency" not in fields:
        needed = "the field `currency` mapped too" if "currency" in kind else "`currency` beside it"
        yield "unit", f"Expected {needed}: it tells the decimals"


def _path_faults(fields: Mapping[str, Field]) -> Iterator[Fault]:
    """Paths that aren't any, else those that don't go together."""
    are_good = True
    for name, one in fields.items():
        for path in every_path([one]):
            try:
                parse(path)
            except ValueError as error:
                are_good = False
                yield f"fields.{name}", str(error)
    if are_good:
        try:
            decoder(every_path(fields.values()))
        except ValueError as error:
            yield "fields", str(error)


def _nearest(given: str, known: Iterable[str]) -> str:
    close = get_close_matches(given, sorted(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
