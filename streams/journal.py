"""The journal: everything that can change a decision, in one order per partition.

Five kinds of entry: a customer's event, a tick (time passing), a config version, a request to forget a customer, the
release of a trigger that the guard holds.
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
    """From here on this config decides.

    Attributes:
        content: the JSON of `streams.config.Config`, all defaults filled in.
        note: why it was applied; `by`: who did it, as the operator's machine knows them.
    """

    version: str
    content: bytes
    at_ms: int
    note: str = ""
    by: str = ""


class Forget(Struct, frozen=True, array_like=True, tag_field="kind", tag="forget"):
    """A customer's data until `at_ms` must go. `request` names the request, so that a repeat is recognised."""

    request: Annotated[str, Meta(min_length=1)]
    customer: Annotated[str, Meta(min_length=1)]
    at_ms: int
    reason: str = ""


class Release(Struct, frozen=True, array_like=True, tag_field="kind", tag="release"):
    """A trigger that is held as running away (`streams.runaway`) may go on. `note` says why, `by` who."""

    trigger: Annotated[str, Meta(min_length=1)]
    at_ms: int
    note: str = ""
    by: str = ""


Entry = EventEntry | Tick | ConfigVersion | Forget | Release

encode_entry = msgspec.msgpack.Encoder().encode
_NAMES: dict[type, str] = {kind: str(kind.__struct_config__.tag) for kind in get_args(Entry)}
KINDS: tuple[str, ...] = tuple(_NAMES.values())
decode_entry = msgspec.msgpack.Decoder(Entry).decode
_CONFIG = encode_entry(ConfigVersion("", b"", 0))[1:8]  # the kind, after the one byte of the array's length


def is_config(value: bytes) -> bool:
    """Whether an encoded entry is a config version, without decoding it."""
    return value[1:8] == _CONFIG


def kind_of(entry: Entry) -> str:
    """The kind of an entry, as in metrics and dumps."""
    return _NAMES[type(entry)]
