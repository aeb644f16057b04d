"""What `config/sources.yaml` says: per source topic the event type, and where each field of it lies in a record.

A source without `fields` sends our own field names, and is decoded straight into its event.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from streams.events import EVENT_TYPES, Event, event_type_name

EventType = Literal[
    "card_transaction",
    "card_statement",
    "account_movement",
    "interaction",
    "contract",
    "purchase",
    "usage",
    "notice",
    "profile",
    "verdict",
    "response",
]
TYPES: dict[str, type[Event]] = {event_type_name(kind): kind for kind in EVENT_TYPES}
ISO8601, EPOCH_S, EPOCH_MS = "iso8601", "epoch_s", "epoch_ms"
Scalar = str | int | float | bool
TopicName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="a topic, as Kafka allows it to be named")
]
Path = Annotated[
    str, Meta(min_length=1, max_length=256, description="names with dots between, [0] an item, [] the only one")
]
Paths = Annotated[list[Path], Meta(min_length=2)]
Separator = Annotated[str, Meta(min_length=1, max_length=3)]


class Sign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it stands whether an amount is negative."""

    path: Path
    values: Annotated[
        dict[str, Literal[1, -1]], Meta(min_length=1, description="each text there, and the sign it means")
    ]


class Field(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one field of an event comes from: `path`, `key` or `constant`, and how it is read."""

    path: Annotated[Path | Paths | None, Meta(description="where it lies; of several, the texts are joined by -")] = (
        None
    )
    key: Annotated[bool, Meta(description="it is the record's key, as text")] = False
    constant: Annotated[Scalar | None, Meta(description="always this, as the event has it")] = None
    values: Annotated[
        dict[str, Scalar] | None, Meta(description="each value there, and what it means in the event")
    ] = None
    otherwise: Annotated[Scalar | None, Meta(description="what any other value means; without it, a dead letter")] = (
        None
    )
    map: Annotated[str | None, Meta(description="one of the maps, in which the value is looked up")] = None
    default: Annotated[Scalar | None, Meta(description="what it is where the value is missing, null or blank")] = None
    prefix: Annotated[
        str, Meta(max_length=32, description="put before the text: keeps the ids of two sources apart")
    ] = ""
    split: Annotated[Separator | None, Meta(description="what stands between the items of a list")] = None
    unit: Annotated[Literal["minor", "major"] | None, Meta(description="of an amount: cents, or euros")] = None
    decimal: Annotated[Literal[".", ","], Meta(description="what stands before the decimals of an amount")] = "."
    currency: Annotated[str | None, Meta(description="of an amount in major units whose event has no currency")] = None
    sign: Annotated[Sign | None, Meta(description="of an amount that is written without one")] = None
    time: Annotated[str | None, Meta(description="iso8601, epoch_s, epoch_ms, or a format such as %Y%m%d %H%M%S")] = (
        None
    )
    zone: Annotated[str | None, Meta(description="IANA time zone of times without an offset")] = None
    ambiguous: Annotated[
        Literal["earlier", "later", "refuse"] | None,
        Meta(description="what a local time means that the clocks show twice, when they are put back"),
    ] = None


class SourceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source topic."""

    type: Annotated[EventType, Meta(description="the event that each of its records becomes")]
    fields: Annotated[
        dict[str, Path | Paths | Field] | None,
        Meta(description="each field of the event and where it lies; left out: the records have our own names"),
    ] = None
    retired: Annotated[bool, Meta(description="not read any more; what came of it before stays accounted for")] = False


class MapSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table from a file or a compacted topic, such as card to customer."""

    file: Annotated[
        str | None, Meta(description="CSV with a header line, or one JSON object (.json); beside this file")
    ] = None
    topic: Annotated[TopicName | None, Meta(description="a compacted topic; its keys are what is looked up")] = None
    key: Annotated[str, Meta(description="the CSV column of what is looked up")] = "card"
    value: Annotated[str, Meta(description="the CSV column, or name in a JSON object, of what is found")] = "customer"


class SourcesDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    sources: Annotated[dict[TopicName, SourceSettings], Meta(description="The source topics, by name.")] = field(
        default_factory=dict
    )
    maps: Annotated[dict[str, MapSettings], Meta(description="Tables that fields are looked up in.")] = field(
        default_factory=dict
    )


def as_field(said: Any) -> Field:
    """A field's settings; a path alone, or several, are short for them."""
    return Field(path=said) if isinstance(said, str | list) else said
