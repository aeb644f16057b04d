"""Any entry of a type, from its shape alone: for tests that need many, whatever they say."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from msgspec import inspect

from streams.actions import ACTIONS
from streams.events import AnyEvent, Cause, Event
from streams.journal import Tick
from streams.trigger import ActionSent

STEP_MS = 7_200_000
START_MS = 1_767_571_200_000
LATE_MS_MAX = 10_800_000
PAUSE_AFTER, PAUSE_MS = 1000, 250 * 86_400_000  # now and then nothing happens for months
PRODUCTS = ("card", "savings", "course", "membership")  # what triggers know by name
FEW_UNTIL = 2000  # one card and account at first, so that its state fills up; then many, to crowd it out
NAMES = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(12)]  # as long as most identifiers are

CATEGORIES = [*[*NAMES, *PRODUCTS] * 8, "air_filter"]  # one that is bought now and then
WEEK_MS, YEAR_MS = 7 * 86_400_000, 31_557_600_000


def any_entry(kinds: tuple[type, ...], chance: Random, number: int) -> Any:
    """The `number`th entry of one of these kinds; time goes on with the number, some are late."""
    kind = chance.choice(kinds)
    at_ms = _now_ms(number)
    if kind is Tick:
        return Tick(at_ms)
    if kind is ActionSent:
        return _any_sent(chance, number, at_ms)
    return any_event(kind, chance, number, "customer")


def any_event(kind: type[Event], chance: Random, number: int, customer: str) -> AnyEvent:
    """An event of this type with an id and a place of its own."""
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    few = NAMES[:1] if number < FEW_UNTIL else NAMES
    names = {"card": few, "account": few, "product": [*NAMES, *PRODUCTS], "category": CATEGORIES}
    fields = {field.encode_name: _any_value(field.type, chance, names.get(field.name, NAMES)) for field in shape.fields}
    at_ms = _now_ms(number) - chance.choice((0, 0, 0, LATE_MS_MAX))
    if fields.get("booked_from_ms") is not None:
        fields["booked_from_ms"] = _any_visit_ms(chance, at_ms)
    own = {"id": _identity(number), "customer": customer, "at_ms": at_ms, "position": number, "type": shape.tag}
    event: AnyEvent = msgspec.convert(fields | own, AnyEvent)
    return event


def _now_ms(number: int) -> int:
    return START_MS + number * STEP_MS + number // PAUSE_AFTER * PAUSE_MS


def _any_visit_ms(chance: Random, at_ms: int) -> int:
    """About the same day of this year or one near it, so that some visits come back every year."""
    return (at_ms // YEAR_MS + chance.randrange(-2, 2)) * YEAR_MS + chance.randrange(WEEK_MS)


def _any_sent(chance: Random, number: int, at_ms: int) -> ActionSent:
    """A request that went out."""
    subject = {name: chance.choice(NAMES) for name in ("card", "merchant", "transaction")}
    action = chance.choice(("verify_with_cardholder", *ACTIONS))
    causes = (Cause(_identity(number), number),)
    return ActionSent(
        decision=_identity(number), trigger="another", action=action, subject=subject, causes=causes, at_ms=at_ms
    )


def _identity(number: int) -> str:
    return f"{number:08d}-0000-4000-9000-000000000000"


def _any_value(kind: inspect.Type, chance: Random, names: list[str]) -> Any:
    return _MAKERS[type(kind)](kind, chance, names)


def _any_integer(kind: Any, chance: Random, _: list[str]) -> int:
    value = chance.choice((-1, 1, 1, 1)) * chance.randrange(10 ** chance.randrange(1, 9))
    value = value if kind.ge is None else max(value, kind.ge)
    return value if kind.le is None else min(value, kind.le)


def _any_text(kind: Any, chance: Random, names: list[str]) -> str:
    is_short = kind.max_length is not None and kind.max_length <= 4
    return (
        chance.choice((*("EUR",) * 27, "USD", "JPY", "CHF", "GBP", "SEK", "NOK"))[: kind.max_length]
        if is_short
        else chance.choice(names)
    )


_MAKERS: dict[type, Callable[[Any, Random, list[str]], Any]] = {
    inspect.Metadata: lambda kind, chance, names: _any_value(kind.type, chance, names),
    inspect.UnionType: lambda kind, chance, names: _any_value(chance.choice(kind.types), chance, names),
    inspect.LiteralType: lambda kind, chance, _: chance.choice(kind.values),
    inspect.IntType: _any_integer,
    inspect.FloatType: lambda _, chance, __: chance.random(),
    inspect.BoolType: lambda _, chance, __: chance.random() < 0.9,
    inspect.StrType: _any_text,
    inspect.NoneType: lambda *_: None,
    inspect.VarTupleType: lambda kind, chance, names: [_any_value(kind.item_type, chance, names) for _ in range(3)],
    inspect.DictType: lambda kind, chance, names: {
        _any_value(kind.key_type, chance, names): _any_value(kind.value_type, chance, names) for _ in range(3)
    },
}
