"""Dead letters: what the intake couldn't turn into an event, with the reason, the origin and a masked body.

Headers are Kafka Connect's, so that its tools and habits work. Reasons are a closed list: each is a metric label.
Source of the header and stage names: Apache Kafka, `DeadLetterQueueReporter` and `Stage` of Connect's runtime.
"""

from typing import Literal

from msgspec import Struct

from streams.journal import Source
from streams.masking import masked
from streams.topics import JOURNAL

Reason = Literal[
    "ambiguous_time",
    "amount_out_of_range",
    "card_number",
    "control_character",
    "empty",
    "event_time_in_future",
    "invalid_utf8",
    "missing_field",
    "nested_too_deep",
    "nonexistent_time",
    "not_finite",
    "not_json",
    "number_out_of_range",
    "oversize",
    "schema_registry_framing",
    "too_many_decimals",
    "unknown_currency",
    "unknown_customer",
    "unknown_value",
    "unreadable_time",
    "wrong_event_type",
    "wrong_length",
    "wrong_type",
]
# reason: (what was found, what to do next)
REASONS: dict[Reason, tuple[str, str]] = {
    "ambiguous_time": (
        "A local time that the clocks of its zone show twice, when they are put back; the mapping refuses those.",
        "Send times with their offset, or choose `ambiguous: earlier` or `later` in the mapping.",
    ),
    "amount_out_of_range": (
        "An amount (a field that ends with `_minor`) is below or above what its field allows.",
        "Check sign and unit: amounts are integers in minor units.",
    ),
    "card_number": (
        "Somewhere in the record, known field or not, is a payment card number; the body shows its last four digits.",
        "Send the card's token. Tell your PCI officer: the source topic itself holds the number.",
    ),
    "control_character": (
        "An identifier holds a control character such as a line break or NUL.",
        "Trim identifiers at the source.",
    ),
    "empty": (
        "The value is null (a tombstone), has no bytes, is blank or is JSON `null`.",
        "Source topics hold facts, not deletions: don't send tombstones.",
    ),
    "event_time_in_future": (
        "`at_ms` is more than a day after the record's own Kafka timestamp.",
        "Check the source's clock, and that the unit is milliseconds.",
    ),
    "invalid_utf8": ("The bytes aren't UTF-8.", "Encode as UTF-8, also what is in fields that we don't read."),
    "missing_field": ("A field without a default isn't there.", "Add the field, or map it in the source's mapping."),
    "nested_too_deep": ("Arrays or objects are nested more than 64 deep.", "Flatten the record."),
    "nonexistent_time": (
        "A local time that the clocks of its zone never show, since they are put forward over it.",
        "Check the zone in the mapping, or send times with their offset.",
    ),
    "not_finite": (
        "A number is NaN, Infinity or too large for a 64-bit float such as `1e999`.",
        "Leave the field out, or send null where the field allows it.",
    ),
    "not_json": ("The value isn't one JSON document.", "Check the producer's serializer: plain JSON is expected."),
    "number_out_of_range": ("A number is below or above what its field allows.", "Check the field's unit and bounds."),
    "oversize": ("The value is larger than 256 KiB.", "Send facts, not documents."),
    "schema_registry_framing": (
        "The value begins with byte 0, as serializers of a schema registry write it.",
        "Use the plain JSON serializer: no schema registry is needed.",
    ),
    "too_many_decimals": (
        "An amount in major units has more decimals than its currency, such as 12.345 EUR.",
        "Check the currency and the unit in the mapping: amounts are never rounded.",
    ),
    "unknown_currency": (
        "A currency isn't a current ISO 4217 code of three capital letters.",
        "Send the code, as in `EUR`.",
    ),
    "unknown_customer": (
        "The map from which the mapping takes the customer doesn't have what the record names.",
        "Add it to the map's file, restart the workers, and replay.",
    ),
    "unknown_value": (
        "A field with a fixed set of values, or with a table of values in the mapping, has another one.",
        "Use a listed value, or add it to the mapping.",
    ),
    "unreadable_time": (
        "A time isn't written as the mapping says, has no offset where one is needed, or is no time of the calendar.",
        "Check `time` and `zone` in the mapping.",
    ),
    "wrong_event_type": ("`type` isn't the type that this topic carries.", "Send each type to its own topic."),
    "wrong_length": ("A text or list is empty, too short or too long.", "Check the field against the event's schema."),
    "wrong_type": ("A field, or the whole record, has another JSON type.", "Check the field against the schema."),
}
_UNREADABLE: frozenset[Reason] = frozenset(
    {"empty", "invalid_utf8", "nested_too_deep", "not_finite", "not_json", "oversize", "schema_registry_framing"}
)
BODY_SIZE_BYTES_MAX = 4096
REPLAYED = "bellwether.replayed"


class Rejected(Struct, frozen=True):
    """Why a record isn't an event.

    Attributes:
        message: a sentence for people; it names the path in the record, never a value.
        body: the record's value, masked and cut; None where the value was null.
    """

    reason: Reason
    message: str
    body: bytes | None


class DeadLetter(Struct, frozen=True):
    """A record for the dead-letter topic. `key` is the source's, masked where it is a card number."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def rejected(reason: Reason, message: str, value: bytes | None) -> Rejected:
    """Rejects a record; `value` is its original, unmasked."""
    return Rejected(reason, message, None if value is None else masked(value, BODY_SIZE_BYTES_MAX))


def dead_letter(rejection: Rejected, source: Source, key: bytes | None) -> DeadLetter:
    """The dead letter of a source record; the headers are in a fixed order, for byte-identical repeats.

    Args:
        rejection: what the intake's reader said.
        source: the record's coordinates, by which the original is found again.
        key: the record's own key.
    """
    headers = {
        **_origin(source),
        "__connect.errors.stage": "VALUE_CONVERTER" if rejection.reason in _UNREADABLE else "TRANSFORMATION",
        "__connect.errors.exception.class.name": f"{Rejected.__module__}.{Rejected.__qualname__}",
        "__connect.errors.exception.message": rejection.message,
        "bellwether.reason": rejection.reason,
    }
    return _letter(key, rejection.body, headers)


def marker(source: Source, partition: int, key: bytes | None) -> DeadLetter:
    """Says that a dead letter was replayed: the record at `source` is an entry of that journal partition now."""
    return _letter(key, None, {**_origin(source), REPLAYED: f"{JOURNAL.name}/{partition}"})


def _origin(source: Source) -> dict[str, str]:
    return {f"__connect.errors.{name}": str(getattr(source, name)) for name in source.__struct_fields__}


def _letter(key: bytes | None, body: bytes | None, headers: dict[str, str]) -> DeadLetter:
    named = tuple((name, text.encode()) for name, text in headers.items())
    return DeadLetter(None if key is None else masked(key, BODY_SIZE_BYTES_MAX), body, named)


def reasons_as_markdown() -> str:
    """The closed list as a table, for the guide."""
    rows = (f"| `{reason}` | {found} | {remedy} |" for reason, (found, remedy) in REASONS.items())
    return "\n".join(("| reason | what was found | what to do |", "|---|---|---|", *rows))
