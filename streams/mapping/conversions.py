"""From what a source's record has at a place to what the event has there, by the kind of the field."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from streams.mapping.amounts import to_integer
from streams.mapping.document import Field, Scalar, Sign
from streams.mapping.paths import Decimal, Unfit, getter
from streams.mapping.times import clock

_NUMBER = re.compile(r"[-+]?\d{1,30}(?:\.\d{1,30})?(?:[eE][-+]?\d{1,2})?", re.ASCII)
_FLAGS = {"true": True, "false": False}
Convert = Callable[[Any, "Given"], Any]


class Given(Struct, gc=False):
    """What a field is made of: the decoded record, its key and timestamp, and the fields of the event made before."""

    record: Any
    key: bytes | None
    received_ms: int
    made: dict[str, Any]


class Tables(Struct, frozen=True):
    """What is known beside the record: how many decimals each currency has, and the maps by name."""

    decimals: Mapping[str, int]
    maps: Mapping[str, Mapping[str, str]]


def text(value: Any, where: str) -> str:
    """Text without blanks around it, an integer as its digits; anything else is `Unfit`."""
    if type(value) is str:
        return value.strip()
    if type(value) is int:
        return str(value)
    raise Unfit("wrong_type", f"Expected text or an integer - at {where}")


def amount(settings: Field, where: str, tables: Tables) -> Convert:
    """An amount in minor units, exactly."""
    factor = _factor(settings.sign)
    if settings.unit == "minor":
        return lambda value, given: factor(given) * to_integer(value, 0, where, settings.decimal)

    def major(value: Any, given: Given) -> int:
        currency = settings.currency or given.made.get("currency")
        if currency is None:
            raise Unfit("missing_field", f"Expected a currency beside the amount in major units - at {where}")
        decimals = tables.decimals.get(currency)
        if decimals is None:
            raise Unfit(
                "unknown_currency", f"Expected an ISO 4217 currency with minor units, for the amount - at {where}"
            )
        return factor(given) * to_integer(value, decimals, where, settings.decimal)

    return major


def moment(settings: Field, where: str) -> Convert:
    """A time in milliseconds since the epoch."""
    read = clock(settings.time or "", settings.zone, settings.ambiguous, where)
    return lambda value, given: read(value, given.received_ms)


def looked_up(settings: Field, where: str) -> Callable[[Any], Scalar]:
    """What a value means by `values`."""
    values, otherwise = settings.values or {}, settings.otherwise

    def meaning(value: Any) -> Scalar:
        named = (
            str(value).lower()
            if isinstance(value, bool)
            else value
            if isinstance(value, Decimal)
            else text(value, where)
        )
        found = values.get(named, otherwise)
        if found is None:
            raise Unfit("unknown_value", f"Expected one of the `values` of the mapping - at {where}")
        return found

    return meaning


def mapped(name: str, settings: Field, where: str, tables: Tables) -> Callable[[Any], str]:
    """What a value is in a map."""
    known = tables.maps[settings.map or ""]
    reason: Any = "unknown_customer" if name == "customer" else "unknown_value"

    def found(value: Any) -> str:
        one = known.get(text(value, where))
        if one is None:
            raise Unfit(reason, f"Expected a value that the map `{settings.map}` has - at {where}")
        return one

    return found


def number(value: Any, where: str) -> float:
    """A number that may have a fraction."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    raise Unfit("wrong_type", f"Expected a number - at {where}")


def flag(value: Any, where: str) -> bool:
    """True or false, as JSON or as text."""
    found = value if isinstance(value, bool) else _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise Unfit("wrong_type", f"Expected true or false; other words need `values` - at {where}")
    return found


def items(value: Any, settings: Field, where: str) -> list[Any]:
    """The items of a list, or of text that `split` parts."""
    if settings.split is not None and isinstance(value, str):
        return [part for part in value.split(settings.split) if part.strip()]
    if isinstance(value, list):
        return value
    raise Unfit("wrong_type", f"Expected a list, or text and `split` - at {where}")


def table(value: Any, where: str) -> dict[str, Any]:
    """An object of names and values."""
    if isinstance(value, dict):
        return value
    raise Unfit("wrong_type", f"Expected an object - at {where}")


def _factor(sign: Sign | None) -> Callable[[Given], int]:
    """1, or -1 where the record says so."""
    if sign is None:
        return lambda _: 1
    get, values, where = getter(sign.path), sign.values, f"`{sign.path}`"

    def factor(given: Given) -> int:
        said = get(given.record)
        if said is None:
            raise Unfit("missing_field", f"Expected the sign of an amount - at {where}")
        found = values.get(text(said, where))
        if found is None:
            raise Unfit("unknown_value", f"Expected one of the `values` of the sign - at {where}")
        return found

    return factor
