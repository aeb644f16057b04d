"""One field of an event out of a source's record: taken, looked up, and made what the event has there.

A value that is missing, null or blank counts as missing. Text is trimmed: fixed-width sources pad it.
"""

from collections.abc import Callable
from typing import Any

from msgspec import inspect

from streams.card_numbers import holds_card_number, is_luhn, is_simple
from streams.events import Event
from streams.intake import CONTROL
from streams.mapping import conversions
from streams.mapping.amounts import to_integer
from streams.mapping.conversions import Convert, Given, Tables, text
from streams.mapping.document import Field
from streams.mapping.paths import Unfit, getter

JOIN = "-"
AMOUNT, TIME, TEXT, INTEGER, NUMBER, FLAG, LIST, TABLE = (
    *("amount", "time", "text", "integer", "number", "flag", "list", "table"),
)
_KINDS: dict[type, str] = {
    inspect.StrType: TEXT,
    inspect.LiteralType: TEXT,
    inspect.IntType: INTEGER,
    inspect.FloatType: NUMBER,
    inspect.BoolType: FLAG,
    inspect.VarTupleType: LIST,
    inspect.DictType: TABLE,
}
Take = Callable[[Given], Any]


def kinds(event: type[Event]) -> dict[str, str]:
    """What each field of an event is; `position` isn't a source's to say."""
    shape: Any = inspect.type_info(event)
    return {one.name: _kind(one.name, one.type) for one in shape.fields if one.name != "position"}


def take(name: str, settings: Field, kind: str, tables: Tables) -> Take:
    """Makes a field's value of what is given; None where it is missing and has no default.

    What it returns raises `Unfit`. The settings must be free of faults (`streams.mapping.faults`).
    """
    if settings.constant is not None:
        return lambda _: settings.constant
    where = place(name, settings)
    found, convert = _found(settings, kind, where), _converter(name, settings, kind, tables)

    def taken(given: Given) -> Any:
        value = found(given)
        if value is None or (isinstance(value, str) and not value.strip()):
            return settings.default
        return convert(value, given)

    return taken


def place(name: str, settings: Field) -> str:
    """Where a field comes from, for people."""
    if settings.key:
        return f"the record's key, for `{name}`"
    return f"{', '.join(f'`{path}`' for path in paths(settings))}, for `{name}`"


def paths(settings: Field) -> list[str]:
    """The paths that a field's own value comes from."""
    return settings.path if isinstance(settings.path, list) else [settings.path] if settings.path else []


def _kind(name: str, shape: Any) -> str:
    if name.endswith("_minor"):
        return AMOUNT
    if name.endswith("_ms"):
        return TIME
    if isinstance(shape, inspect.UnionType):
        shape = next(one for one in shape.types if not isinstance(one, inspect.NoneType))
    return _KINDS[type(shape.type if isinstance(shape, inspect.Metadata) else shape)]


def _found(settings: Field, kind: str, where: str) -> Take:
    """Takes a field's own value out of the record."""
    if settings.key:
        return lambda given: _key(given.key, where)
    is_looked_up = kind in (AMOUNT, TIME) or settings.values is not None or settings.map is not None
    gets = [getter(path) for path in paths(settings)]
    if len(gets) == 1:
        get = gets[0]
        return lambda given: get(given.record)

    def joined(given: Given) -> str | None:
        parts = [get(given.record) for get in gets]
        if None in parts:
            return None
        texts = [text(part, where) for part in parts]
        together = JOIN.join(texts)
        if is_looked_up or _is_no_card(texts):  # what is looked up doesn't get into the event
            return together
        return _without_card(together.encode(), together, where)

    return joined


def _is_no_card(texts: list[str]) -> bool:
    """Whether two numbers, each of which was looked at with the record, are no card number together: a quick answer."""
    digits = "".join(texts)
    return len(texts) == 2 and digits.isdecimal() and digits.isascii() and not is_luhn(digits)  # noqa: PLR2004


def _key(key: bytes | None, where: str) -> str | None:
    if key is None:
        return None
    if key[:1] == b"\0":
        raise Unfit("schema_registry_framing", f"Expected plain text, without a schema registry's framing - at {where}")
    try:
        found = key.decode()
    except UnicodeDecodeError:
        raise Unfit("invalid_utf8", f"Expected UTF-8 - at {where}") from None
    if CONTROL.search(found):
        raise Unfit("control_character", f"Expected printable text - at {where}")
    return _without_card(key, found, where)


def _without_card(said: bytes, found: str, where: str) -> str:
    """What isn't in the record's value as it stands was not looked through with it."""
    if not is_simple(said) and holds_card_number(said):
        raise Unfit("card_number", f"A card number; expected a token - at {where}")
    return found


def _converter(name: str, settings: Field, kind: str, tables: Tables) -> Convert:
    where = place(name, settings)
    if kind == AMOUNT:
        return conversions.amount(settings, where, tables)
    if kind == TIME:
        return conversions.moment(settings, where)
    one = _one(name, settings, kind, tables)
    if kind == LIST:
        return lambda value, _: tuple(one(item) for item in conversions.items(value, settings, where))
    if kind == TABLE:
        return lambda value, _: {key: one(item) for key, item in conversions.table(value, where).items()}
    return lambda value, _: one(value)


def _one(name: str, settings: Field, kind: str, tables: Tables) -> Callable[[Any], Any]:
    """What becomes of a single value, or of each in a list or table."""
    where, prefix = place(name, settings), settings.prefix
    if settings.values is not None:
        return conversions.looked_up(settings, where)
    if settings.map is not None:
        return conversions.mapped(name, settings, where, tables)
    if kind == INTEGER:
        return lambda value: to_integer(value, 0, where)
    if kind == NUMBER:
        return lambda value: conversions.number(value, where)
    if kind == FLAG:
        return lambda value: conversions.flag(value, where)
    return (lambda value: prefix + text(value, where)) if prefix else (lambda value: text(value, where))
