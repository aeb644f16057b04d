"""Journal entries as lines of JSON, and back, without loss: what `journal dump` writes and `replay` reads."""

import msgspec
from msgspec import Raw, Struct

from streams import journal
from streams.events import AnyEvent
from streams.journal import ConfigVersion, Entry, Forget, Release, Source, Tick
from streams.partition import JournalRecord


class Coordinates(Struct, frozen=True):
    """`streams.journal.Source` with its field names."""

    topic: str
    partition: int
    offset: int


class EventBody(Struct, frozen=True):
    """`streams.journal.EventEntry` with its field names."""

    event: AnyEvent
    source: Coordinates
    traceparent: str | None = None


class TickBody(Struct, frozen=True):
    """`streams.journal.Tick` with its field names."""

    at_ms: int


class ConfigBody(Struct, frozen=True):
    """`streams.journal.ConfigVersion` with its field names; the content is the journal's bytes, JSON within JSON."""

    version: str
    content: Raw
    at_ms: int
    note: str = ""
    by: str = ""


class ForgetBody(Struct, frozen=True):
    """`streams.journal.Forget` with its field names."""

    request: str
    customer: str
    at_ms: int
    reason: str = ""


class ReleaseBody(Struct, frozen=True):
    """`streams.journal.Release` with its field names."""

    trigger: str
    at_ms: int
    note: str = ""
    by: str = ""


class _Line(Struct, frozen=True, tag_field="kind"):
    partition: int
    offset: int


class EventLine(_Line, frozen=True, tag="event"):
    """Something happened to a customer."""

    entry: EventBody


class TickLine(_Line, frozen=True, tag="tick"):
    """Time has passed."""

    entry: TickBody


class ConfigLine(_Line, frozen=True, tag="config"):
    """From here on another config decides."""

    entry: ConfigBody


class ForgetLine(_Line, frozen=True, tag="forget"):
    """A customer's data must go."""

    entry: ForgetBody


class ReleaseLine(_Line, frozen=True, tag="release"):
    """A held trigger may go on."""

    entry: ReleaseBody


JournalLine = EventLine | TickLine | ConfigLine | ForgetLine | ReleaseLine
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(JournalLine).decode


def encode(partition: int, record: JournalRecord) -> bytes:
    """One line, without its end."""
    return _encode(_as_line(partition, record.offset, record.entry))


def decode(line: bytes) -> tuple[int, JournalRecord]:
    """The partition, and the entry at its offset.

    Raises:
        msgspec.MsgspecError: it is no line of a journal dump; says what was expected.
    """
    read = _decode(line)
    return read.partition, JournalRecord(read.offset, _entry(read))


def _as_line(partition: int, offset: int, entry: Entry) -> JournalLine:
    if isinstance(entry, Tick):
        return TickLine(partition, offset, TickBody(entry.at_ms))
    if isinstance(entry, ConfigVersion):
        body = ConfigBody(entry.version, Raw(entry.content), entry.at_ms, entry.note, entry.by)
        return ConfigLine(partition, offset, body)
    if isinstance(entry, Forget):
        return ForgetLine(partition, offset, ForgetBody(entry.request, entry.customer, entry.at_ms, entry.reason))
    if isinstance(entry, Release):
        return ReleaseLine(partition, offset, ReleaseBody(entry.trigger, entry.at_ms, entry.note, entry.by))
    source = Coordinates(entry.source.topic, entry.source.partition, entry.source.offset)
    return EventLine(partition, offset, EventBody(entry.event, source, entry.traceparent))


def _entry(line: JournalLine) -> Entry:
    if isinstance(line, TickLine):
        return Tick(line.entry.at_ms)
    if isinstance(line, ConfigLine):
        said = line.entry
        return ConfigVersion(said.version, bytes(said.content), said.at_ms, said.note, said.by)
    if isinstance(line, ForgetLine):
        return Forget(line.entry.request, line.entry.customer, line.entry.at_ms, line.entry.reason)
    if isinstance(line, ReleaseLine):
        return Release(line.entry.trigger, line.entry.at_ms, line.entry.note, line.entry.by)
    source = line.entry.source
    origin = Source(source.topic, source.partition, source.offset)
    return journal.EventEntry(line.entry.event, origin, line.entry.traceparent)
