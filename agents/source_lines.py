"""Source records as lines of JSON, made into a journal of one partition: what a live intake and its clock would write.

A line is `{"topic": ..., "key": ..., "value": ..., "timestamp": ms}`. The value is the record's JSON as it stands
there; a string is raw text, for what isn't JSON. The order is the file's. Ticks come from event time: before an event
that is a second or more past the last tick.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import msgspec
from msgspec import Raw, Struct

from agents.line_files import Line
from agents.sources import OURS
from streams import config
from streams.config import Config
from streams.dead_letters import Reason, Rejected, rejected
from streams.events import AnyEvent
from streams.journal import ConfigVersion, Entry, EventEntry, Source, Tick
from streams.partition import JournalRecord
from streams.sources import Sources

TICK_MS = 1000
EXPECTED = 'expected {"topic": …, "key": …, "value": …, "timestamp": milliseconds}'
OnRejected = Callable[[Line, Rejected], object]


class SourceRecord(Struct, frozen=True):
    """One record of a source topic; `timestamp` is its own Kafka timestamp, ms since the epoch."""

    topic: str
    value: Raw
    timestamp: int
    key: Any = None


_decode = msgspec.json.Decoder(SourceRecord).decode


def journal(
    lines: Iterable[Line], rules: Config, on_rejected: OnRejected, sources: Sources = OURS
) -> Iterator[JournalRecord]:
    """The journal of these records: the config first, then ticks and events; offsets count up from 0."""
    offsets = count()
    yield JournalRecord(next(offsets), ConfigVersion(rules.version, config.encode(rules), 0))
    for entry in _with_ticks(_events(lines, on_rejected, sources)):
        yield JournalRecord(next(offsets), entry)


def _with_ticks(events: Iterable[EventEntry]) -> Iterator[Entry]:
    newest_ms, ticked_ms = -1, -TICK_MS
    for entry in events:
        newest_ms = max(newest_ms, entry.event.at_ms)
        if newest_ms - ticked_ms >= TICK_MS:
            ticked_ms = newest_ms
            yield Tick(newest_ms)
        yield entry


def _events(lines: Iterable[Line], on_rejected: OnRejected, sources: Sources) -> Iterator[EventEntry]:
    for number, line in enumerate(lines):
        topic, event = _read(line.text, sources)
        if isinstance(event, Rejected):
            on_rejected(line, event)
        else:
            yield EventEntry(event, Source(topic, 0, number))


def _read(text: bytes, sources: Sources) -> tuple[str, AnyEvent | Rejected]:
    try:
        record = _decode(text)
        value = _value(record.value)
    except msgspec.ValidationError as error:
        reason: Reason = "missing_field" if "missing" in str(error) else "wrong_type"
        return "", rejected(reason, f"The line isn't a source record: {error}; {EXPECTED}.", text)
    except (ValueError, RecursionError) as error:
        return "", rejected("not_json", f"The line isn't JSON: {error}; {EXPECTED}.", text)
    reader = sources.readers.get(record.topic)
    if reader is None:
        expected = ", ".join(sorted(sources.readers))
        return "", rejected("unknown_value", f"Unknown topic; expected one of {expected}.", text)
    return record.topic, reader.read(value, record.timestamp, _key(record.key))


def _key(key: Any) -> bytes | None:
    """The record's key; one that isn't text is JSON."""
    if key is None:
        return None
    return key.encode() if isinstance(key, str) else msgspec.json.encode(key)


def _value(raw: Raw) -> bytes | None:
    """The record's bytes; a JSON string stands for its text, null for a tombstone."""
    value = bytes(raw)
    if value == b"null":
        return None
    return msgspec.json.decode(value, type=str).encode() if value.startswith(b'"') else value
