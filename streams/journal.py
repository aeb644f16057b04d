"""The journal: everything that can change a decision, in one order per partition.

Four kinds of entry: a customer's event, a tick (time passing), a config version, a request to forget a customer.
On the log an entry is a msgpack array that begins with its kind; `bellwether journal dump` shows it as JSON.
"""

from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct

from streams.events import AnyEvent


class Source(Struct, frozen=True, array_like=True):
    """Where a record came from: the coordinates that make it unique for ever."""

    topic: str
    partition: int
    offset: int


class EventEntry(Struct, array_like=True, tag_field="kind", tag="event"):
    """Something happened to a customer. `traceparent` is the source record's W3C trace context, if it had one."""

    event: AnyEvent
    source: Source
    traceparent: str | None = None


class Tick(Struct, frozen=True, array_like=True, tag_field="kind", tag="tick"):
    """Time has passed: it is now at least `at_ms`. One that isn't later than the last is ignored."""

    at_ms: int


class ConfigVersion(Struct, frozen=True, array_like=True, tag_field="kind", tag="config"):
    """From here on this config decides. `content` is the JSON of `streams.config.Config`, all defaults filled in."""

    version: str
    content: bytes
    at_ms: int


class Forget(Struct, frozen=True, array_like=True, tag_field="kind", tag="forget"):
    """A customer's data until `at_ms` must go. `request` names the request, so that a repeat is recognised."""

    request: Annotated[str, Meta(min_length=1)]
    customer: Annotated[str, Meta(min_length=1)]
    at_ms: int
    reason: str = ""


Entry = EventEntry | Tick | ConfigVersion | Forget

encode_entry = msgspec.msgpack.Encoder().encode
_NAMES: dict[type, str] = {kind: str(kind.__struct_config__.tag) for kind in get_args(Entry)}
KINDS: tuple[str, ...] = tuple(_NAMES.values())
decode_entry = msgspec.msgpack.Decoder(Entry).decode


def kind_of(entry: Entry) -> str:
    """The kind of an entry, as in metrics and dumps."""
    return _NAMES[type(entry)]
