"""Source records from lines of JSON (`agents.source_lines`), sent to their topics as a source system would."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from agents import clients
from agents.line_files import Line
from agents.source_lines import EXPECTED, SourceRecord
from agents.topic_admin import MissingTopic, partition_counts, retentions_ms
from agents.verify import settled
from streams import topics
from streams.sources import Sources

OURS = frozenset(topic.name for topic in (topics.JOURNAL, topics.CHANGELOG, *topics.OUTPUTS))
PAUSE_SECONDS = 0.1

_decode = msgspec.json.Decoder(SourceRecord).decode


class LineError(ValueError):
    """A line that can't be sent; says which, and why."""


def records(lines: Iterable[Line]) -> list[SourceRecord]:
    """The records of these lines, in their order.

    Raises:
        LineError: a line is no source record, or names a topic that Bellwether itself writes.
    """
    return [_record(line) for line in lines]


def _record(line: Line) -> SourceRecord:
    try:
        record = _decode(line.text)
    except msgspec.DecodeError as error:
        raise LineError(f"{line.file}:{line.number}: {error}; {EXPECTED}.") from error
    if record.topic in OURS:
        raise LineError(f"{line.file}:{line.number}: {record.topic} is no source: Bellwether itself writes it.")
    return record


async def send(bootstrap: str, several: list[SourceRecord], progress: Callable[[int], object] = lambda _: None) -> None:
    """Send records, in their order; a key's partition is that of Java clients. Returns when all are acknowledged.

    Raises:
        MissingTopic: there is no such topic; nothing was sent.
        KafkaError: the broker is out of reach, or refuses; of the records, some may have been sent.
    """
    known = await partition_counts(bootstrap)
    if missing := sorted({one.topic for one in several} - known.keys()):
        raise MissingTopic(missing[0])
    async with AIOKafkaProducer(**clients.to_kafka(bootstrap), enable_idempotence=True) as producer:
        sent = []
        for count, one in enumerate(several, start=1):
            key, value = _bytes(one.key), _value(one)
            sent.append(await producer.send(one.topic, value, key=key, timestamp_ms=one.timestamp))
            progress(count)
        await asyncio.gather(*sent)


async def too_old(bootstrap: str, several: list[SourceRecord], now_ms: int) -> dict[str, int]:
    """How many of these records are older than their topics keep any, by topic: Kafka deletes such, read or not.

    Raises:
        KafkaError: the broker is out of reach.
    """
    kept_ms = await retentions_ms(bootstrap, sorted({one.topic for one in several}))
    began_ms = {topic: now_ms - kept for topic, kept in kept_ms.items() if kept >= 0}
    return dict(Counter(one.topic for one in several if one.timestamp < began_ms.get(one.topic, one.timestamp)))


async def until_decided(bootstrap: str, sources: Sources, seconds_max: float) -> bool:
    """Wait until the workers have taken in and decided all that is in the sources; False when they haven't by then.

    Raises:
        KafkaError: the broker is out of reach.
    """
    deadline = monotonic() + seconds_max
    while not (is_settled := await settled(bootstrap, sources)) and monotonic() < deadline:  # noqa: ASYNC110 - the workers' doing
        await asyncio.sleep(PAUSE_SECONDS)
    return is_settled


def _value(record: SourceRecord) -> bytes | None:
    """As `agents.source_lines` reads it: a string is raw text, for what isn't JSON; null is a tombstone."""
    value = bytes(record.value)
    text = msgspec.json.decode(value) if value.startswith((b'"', b"null")) else value
    return text.encode() if isinstance(text, str) else text


def _bytes(key: Any) -> bytes | None:
    """A key as text; one that is no text, as JSON."""
    if key is None:
        return None
    return key.encode() if isinstance(key, str) else msgspec.json.encode(key)
