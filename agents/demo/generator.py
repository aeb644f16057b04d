"""Labelled source records from a seed: the same seed and size give the same bytes on every machine.

Only integers are drawn, nothing depends on the order of a set or on a maths library. Customers live side by side, a
month at a time, so that memory holds about a month of records however long the whole is.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from operator import attrgetter
from random import Random

import msgspec
from msgspec import Struct

from agents.demo.habits import Life
from agents.demo.timeline import MONTH_STARTS_MS, MONTHS
from agents.demo.truth import Truth
from streams import topics
from streams.events import (
    AccountMovement,
    CardStatement,
    CardTransaction,
    Contract,
    Event,
    Notice,
    Response,
    Verdict,
)

EVENTS_PER_CUSTOMER = 372  # as measured over whole turns of all roles
DUPLICATE_ONE_IN = 200
LATE_ONE_IN = 25
LATENESS_MS_MAX = 30_000
_TOPICS = {source.carries: source.name for source in topics.SOURCES}
_KEYS: dict[type[Event], Callable[[Event], str]] = {
    CardTransaction: attrgetter("card"),
    CardStatement: attrgetter("card"),
    AccountMovement: attrgetter("account"),
    Contract: attrgetter("contract"),
    Notice: attrgetter("product"),
    Verdict: attrgetter("transaction"),
    Response: attrgetter("action_id"),
}
_BY_CUSTOMER = attrgetter("customer")
_POSITION = b',"position":-1'  # the engine's own field, which no source knows
_arrival = attrgetter("timestamp")
_encode = msgspec.json.Encoder().encode


class SourceRecord(Struct, frozen=True):
    """One record as a source system writes it.

    Attributes:
        key: whatever this kind of source keys its records by.
        value: the event as JSON.
        timestamp: when the source wrote it, ms since the epoch; a little after the event where it came late.
    """

    topic: str
    key: str
    value: msgspec.Raw
    timestamp: int


class Generated(Struct, frozen=True):
    """A set of records, to be read once in the order of arrival, and its labels."""

    records: Iterator[SourceRecord]
    truth: Truth


def generate(events: int, seed: int) -> Generated:
    """Generate about `events` records; the number of customers follows from it.

    Some records arrive up to 30 s late, one in 200 arrives twice.
    """
    customers = max(1, events // EVENTS_PER_CUSTOMER)
    lives = [Life(number, seed) for number in range(customers)]
    cases = [case for life in lives for case in life.plan.cases]
    cases.sort(key=lambda case: (case.at_ms, case.customer, case.trigger))
    return Generated(_records(lives, seed), Truth(seed=seed, customers=customers, cases=tuple(cases)))


def _records(lives: list[Life], seed: int) -> Iterator[SourceRecord]:
    random = Random(f"{seed}/arrival")  # noqa: S311 - made-up data, not secrets
    waiting = [
        record
        for life in lives
        for arrival_ms, event in life.plan.deliveries
        for record in _repeated(_record(event, arrival_ms), random)
    ]
    for month in range(MONTHS):
        for life in lives:
            for event in life.month(month):
                bits = random.getrandbits(32)
                late_ms = 1 + (bits >> 8) % LATENESS_MS_MAX if bits % LATE_ONE_IN == 0 else 0
                waiting += _repeated(_record(event, event.at_ms + late_ms), random)
        waiting.sort(key=_arrival)
        is_last = month == MONTHS - 1
        due = len(waiting) if is_last else bisect_left(waiting, MONTH_STARTS_MS[month + 1], key=_arrival)
        yield from waiting[:due]
        waiting = waiting[due:]


def _record(event: Event, arrival_ms: int) -> SourceRecord:
    kind = type(event)
    value = _encode(event).replace(_POSITION, b"", 1)
    return SourceRecord(_TOPICS[kind], _KEYS.get(kind, _BY_CUSTOMER)(event), msgspec.Raw(value), arrival_ms)


def _repeated(record: SourceRecord, random: Random) -> tuple[SourceRecord, ...]:
    """A source that isn't sure whether it was heard says it again."""
    bits = random.getrandbits(32)
    if bits % DUPLICATE_ONE_IN:
        return (record,)
    again_ms = record.timestamp + 1 + (bits >> 8) % LATENESS_MS_MAX
    return (record, SourceRecord(record.topic, record.key, record.value, again_ms))
