"""A source record's W3C trace context enters the journal; nothing else of that name does."""

import json
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecord

from agents.intake import IntakeWork
from agents.metrics import Metrics
from agents.unit_of_work import Place, Record
from streams.journal import EventEntry, decode_entry

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
USAGE = {"type": "usage", "id": "e-1", "customer": "c-1", "at_ms": 1_735_689_600_000, "product": "park"}
Headers = list[tuple[str, bytes | None]]


def taken_in(headers: Headers) -> Record:
    """The journal record that a source record with these headers becomes."""
    record = DefaultRecord(0, 1_735_689_600_000, 0, None, json.dumps(USAGE).encode(), headers)
    place: Any = Place("usage", 0)
    outputs = IntakeWork(4, Metrics()).compute({place: [record]})
    [[entry]] = outputs.records.values()
    return entry


def trace_of(headers: Headers) -> str | None:
    entry = decode_entry(taken_in(headers).value or b"")
    assert isinstance(entry, EventEntry)
    return entry.traceparent


def test_a_trace_context_is_kept_as_it_is() -> None:
    assert trace_of([("other", b"x"), ("traceparent", TRACE)]) == TRACE.decode()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"ada lovelace",
        TRACE.upper(),
        TRACE + b"\n",
        TRACE[:-1],
        b"ff" + TRACE[2:],
        b"00-" + b"0" * 32 + TRACE[35:],
        TRACE[:36] + b"0" * 16 + b"-01",
        TRACE[:36] + b"4111111111111111-01",  # a card number in an id's clothes
    ],
)
def test_anything_else_leaves_the_bytes_as_without_the_header(value: bytes | None) -> None:
    assert taken_in([("traceparent", value)]) == taken_in([])
