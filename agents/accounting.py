"""Counting what was adopted, once per batch: so the metrics equal what is on the log."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct

from agents.health import Health
from agents.metrics import Metrics
from agents.unit_of_work import Fetched, Place
from streams.partition import Batch, Partition

MS_PER_SECOND = 1000


class Instruments(Struct, frozen=True):
    """What the worker shows of itself."""

    metrics: Metrics
    health: Health


@contextmanager
def unit_of_work(instruments: Instruments, number: int, records: int) -> Iterator[None]:
    """Around a transaction, from computing to adoption. One that fails ends the process, so it isn't counted."""
    metrics, began_at = instruments.metrics, time.monotonic()
    instruments.health.batch_started(number)
    yield
    instruments.health.batch_ended(number)
    metrics.transactions.add()
    metrics.batch_records.observe(values=(records,))
    metrics.batch_duration_seconds.observe(values=(time.monotonic() - began_at,))


def taken_in(
    metrics: Metrics, fetched: Mapping[Place, Sequence[Fetched]], rejected: Mapping[tuple[str, str], int]
) -> None:
    """Source records became journal entries and dead letters; `rejected` counts the latter by topic and reason."""
    dead: dict[str, int] = {}
    for (topic, reason), count in rejected.items():
        metrics.dead_letters.add(topic, reason, count=count)
        dead[topic] = dead.get(topic, 0) + count
    for place, records in fetched.items():
        metrics.records.add(place.topic, "journaled", count=len(records) - dead.get(place.topic, 0))
        metrics.records.add(place.topic, "dead", count=dead.get(place.topic, 0))
    oldest_ms = min(records[0].timestamp for records in fetched.values())
    metrics.intake_lag_seconds.observe(values=(time.time() - oldest_ms / MS_PER_SECOND,))


def decided(metrics: Metrics, partition: Partition, batch: Batch, records: Sequence[Fetched]) -> None:
    """Journal entries were applied."""
    now = time.time()
    for kind, count in batch.counts.items():
        metrics.journal_entries.add(kind, count=count)
    metrics.state_bytes.observe(values=(len(blob) for blob in batch.changes.values() if blob is not None))
    metrics.last_entry_timestamp_seconds.set(now)
    metrics.last_tick_timestamp_seconds.set(max(partition.clock_ms, 0) / MS_PER_SECOND)
    if batch.decisions:
        _decisions(metrics, batch, records, now)


def _decisions(metrics: Metrics, batch: Batch, records: Sequence[Fetched], now: float) -> None:
    appended_ms = {record.offset: record.timestamp for record in records}
    for decision in batch.decisions:
        metrics.decisions.add(decision.trigger, decision.outcome)
        if decision.outcome in ("suppressed", "held"):
            metrics.suppressions.add(decision.reason or "")
        newest = max((cause.position for cause in decision.causes), default=-1)
        by_event = newest in appended_ms  # else a tick made it due: its last cause lies further back
        since_ms = appended_ms[newest] if by_event else records[-1].timestamp
        metrics.decision_lag_seconds.observe("event" if by_event else "tick", values=(now - since_ms / MS_PER_SECOND,))
