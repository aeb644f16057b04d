"""From a source record's bytes to a typed event, or to the reason why it isn't one.

Pure: the only time is the record's own Kafka timestamp, so that a repeat after a crash says the same. A good record
pays for one typed decode and one look over its bytes; only a bad one is examined for its reason.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import Any, cast, get_args, get_type_hints

import msgspec

from streams.card_numbers import BRACKETS_MAX, holds_card_number, is_simple
from streams.dead_letters import Reason, Rejected, rejected
from streams.events import AnyEvent, Identifier, event_type_name
from streams.topics import DAY_MS, Topic

SIZE_BYTES_MAX = 256 * 1024
DEPTH_MAX = BRACKETS_MAX

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_NOT_FINITE = re.compile(rb"(?<![\w.])-?(?:nan|inf(?:inity)?)(?!\w)", re.IGNORECASE)
_NOT_FINITE_FIELD = re.compile(rb'"(\w+)"\s*:\s*-?(?:nan|inf(?:inity)?)(?!\w)', re.IGNORECASE)
_COMPLAINT = re.compile(r"(?P<what>.*?)(?: - at (?P<path>.*))?", re.DOTALL)
# the first that a complaint of msgspec begins with
_REASONS: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"Object missing"), "missing_field"),
    (re.compile(r"Invalid enum value"), "unknown_value"),
    (re.compile(r"Invalid value"), "wrong_event_type"),
    (re.compile(r"Number out of range"), "not_finite"),
    (re.compile(r"Integer value out of range|Expected `(?:int|float)` [<>]"), "number_out_of_range"),
    (re.compile(r"Expected `\w+` of length"), "wrong_length"),
    (re.compile(r"Expected"), "wrong_type"),
)


class Reader:
    """Reads the records of one source topic.

    Args:
        topic: a source topic; its `carries` is the type that comes out. ValueError for another kind of topic.
        currencies: the known ISO 4217 codes.
        future_max_ms: how far an event's time may be ahead of its record's timestamp.

    Attributes:
        is_keyed: whether it wants to see the records' keys.
    """

    is_keyed = False

    def __init__(self, topic: Topic, currencies: AbstractSet[str], future_max_ms: int = DAY_MS) -> None:
        if topic.carries is None:
            raise ValueError(f"{topic.name} carries no event type; expected one of streams.topics.SOURCES")
        self._type = topic.carries
        self._decode = msgspec.json.Decoder(topic.carries).decode
        self._has_currency = "currency" in topic.carries.__struct_fields__
        self._currencies: AbstractSet[str | None] = frozenset((*currencies, None))
        self._future_max_ms = future_max_ms
        self._hints = get_type_hints(topic.carries, include_extras=True)
        self._identifiers = tuple(name for name, hint in self._hints.items() if _mentions_identifier(hint))

    def read(self, value: bytes | None, received_ms: int, key: bytes | None = None) -> AnyEvent | Rejected:  # noqa: ARG002 - for a source that names something in it
        """The event in a record's value, or why there is none. Never raises, whatever the bytes.

        Args:
            value: the record's value as it is on the log.
            received_ms: the record's own Kafka timestamp, in milliseconds since the epoch.
            key: the record's key.
        """
        if value is None or len(value) > SIZE_BYTES_MAX:
            return self._examine(value, None)
        try:
            event: Any = self._decode(value)
        except (ValueError, RecursionError) as error:
            return self._examine(value, error)
        event.position = -1  # the engine's to set; a source's could be too large for the journal
        return self._accepted(value, event, received_ms)

    def _accepted(self, value: bytes, event: Any, received_ms: int) -> AnyEvent | Rejected:
        """The event, if the whole of the record is acceptable as well."""
        if (
            is_simple(value)
            and event.at_ms - received_ms <= self._future_max_ms
            and (not self._has_currency or event.currency in self._currencies)
        ):
            return cast("AnyEvent", event)
        return self._doubt(value, event, received_ms)

    def _place(self, name: str) -> str:
        """Where a field of the event comes from, for people."""
        return f"`$.{name}`"

    def _controlled(self, event: Any) -> str | None:
        """The first identifier with a control character in it: escaped ones pass the decoder."""
        for name in self._identifiers:
            if any(CONTROL.search(text) for text in _texts(getattr(event, name))):
                return name
        return None

    def _doubt(self, value: bytes, event: Any, received_ms: int) -> AnyEvent | Rejected:
        """Decides on a record that decodes, but needs a closer look."""
        general = general_fault(value)
        if general is not None:
            return general
        if self._has_currency and event.currency not in self._currencies:
            return _currency_fault(value, self._place("currency"))
        if event.at_ms - received_ms > self._future_max_ms:
            return _future_fault(value, self._place("at_ms"))
        name = self._controlled(event)
        if name is not None:
            message = f"Control character in an identifier at {self._place(name)}; expected printable text."
            return rejected("control_character", message, value)
        return cast("AnyEvent", event)

    def _examine(self, value: bytes | None, error: Exception | None) -> Rejected:
        """Says why a record doesn't decode."""
        general = general_fault(value)
        if value is None or general is not None:
            return general or _empty_fault(value)
        if isinstance(error, msgspec.ValidationError):
            return self._shape_fault(value, str(error))
        if self._is_not_finite(value):
            where = self._not_finite_field(value)
            return rejected("not_finite", f"NaN or infinity{where}; expected a finite number.", value)
        return rejected("not_json", f"The value isn't JSON: {error}; expected one JSON object.", value)

    def _shape_fault(self, value: bytes, complaint: str) -> Rejected:
        parts = cast("re.Match[str]", _COMPLAINT.fullmatch(complaint))
        what, path = parts["what"], parts["path"] or "`$`"
        reason: Reason = next((reason for begin, reason in _REASONS if begin.match(what)), "wrong_type")
        if path == "`$.at_ms`" and "<=" in what:
            return _future_fault(value, self._place("at_ms"))
        if path == "`$.currency`" and reason == "wrong_length":
            return _currency_fault(value, self._place("currency"))
        if path == "`$.type`":
            reason, what = "wrong_event_type", f"Expected `{event_type_name(self._type)}`, this topic's event type"
        elif reason == "number_out_of_range" and path.endswith("_minor`"):
            reason = "amount_out_of_range"
        elif reason == "unknown_value":
            what = f"Unknown value, expected one of {', '.join(self._values_at(path))}"
        elif reason == "not_finite":
            what = "Number too large for a 64-bit float, expected a finite number"
        return rejected(reason, f"{what} - at {path}.", value)

    def _values_at(self, path: str) -> Iterator[str]:
        name = re.split(r"[^\w]+", path.removeprefix("`$."))[0]
        return _values(self._hints.get(name))

    def _is_not_finite(self, value: bytes) -> bool:
        """Whether the record were JSON, had it null in place of each NaN and infinity."""
        bare = _JSON_TEXT.sub(b'""', value)
        repaired = _NOT_FINITE.sub(b"null", bare)
        return repaired != bare and _is_json(repaired)

    def _not_finite_field(self, value: bytes) -> str:
        names = (found[1].decode() for found in _NOT_FINITE_FIELD.finditer(value))
        return next((f" at `$.{name}`" for name in names if name in self._hints), "")


def general_fault(value: bytes | None) -> Rejected | None:
    """What can be wrong whatever the event type; the gravest first."""
    if value is None or value.strip() in {b"", b"null"}:
        return _empty_fault(value)
    if len(value) > SIZE_BYTES_MAX:
        message = f"The value has {len(value)} bytes; expected at most {SIZE_BYTES_MAX}."
        return rejected("oversize", message, value)
    if holds_card_number(value):
        return rejected("card_number", "A card number is in the record; expected a token.", value)
    if value[0] == 0:
        message = "The value begins with byte 0, as a schema registry's serializers write it; expected plain JSON."
        return rejected("schema_registry_framing", message, value)
    if not _is_utf8(value):
        return rejected("invalid_utf8", "The value isn't UTF-8; expected JSON in UTF-8.", value)
    return _depth_fault(value) if _depth(value) > DEPTH_MAX else None


def _empty_fault(value: bytes | None) -> Rejected:
    return rejected("empty", "The value is null or empty; expected a JSON object.", value)


def _depth_fault(value: bytes) -> Rejected:
    return rejected("nested_too_deep", f"Nested too deep; expected at most {DEPTH_MAX} levels.", value)


def _currency_fault(value: bytes, place: str) -> Rejected:
    message = f"Unknown currency at {place}; expected an ISO 4217 code of three capital letters."
    return rejected("unknown_currency", message, value)


def _future_fault(value: bytes, place: str) -> Rejected:
    message = f"Time far in the future at {place}; expected milliseconds since the epoch, near the record's timestamp."
    return rejected("event_time_in_future", message, value)


def _depth(value: bytes) -> int:
    if value.count(b"[") + value.count(b"{") <= DEPTH_MAX:
        return 0  # too few brackets to be too deep
    steps = (1 if bracket in b"[{" else -1 for bracket in _BRACKET.findall(_JSON_TEXT.sub(b"", value)))
    return max(accumulate(steps), default=0)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return False
    return True


def _mentions_identifier(hint: Any) -> bool:
    return hint == Identifier or any(_mentions_identifier(part) for part in get_args(hint))


def _values(hint: Any) -> Iterator[str]:
    if isinstance(hint, str):
        yield hint
    for part in get_args(hint):
        yield from _values(part)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
