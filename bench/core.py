"""CPU of the stages' own code, without Kafka: what a batch costs from its fetched records to its outputs."""

import gc
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from statistics import median
from time import process_time, thread_time_ns

from msgspec import Struct

from agents.collector import relax
from agents.decide import DecideWork
from agents.intake import IntakeWork
from agents.unit_of_work import Place
from agents.views import Views
from bench.calibration import kernel_us
from bench.data import Prepared, count_journal, metrics
from streams import topics
from streams.events import event_type_name
from streams.journal import EventEntry, decode_entry, kind_of
from streams.partition import JournalRecord, Partition
from streams.view import describe

NO_REDIS = "redis://127.0.0.1:1/0"  # never connected to: these views are marked, not written


class Row(Struct):
    """One part. `runs_us`: CPU microseconds per event of each repeat; `kernels_us`: the calibration beside each.

    `faults` says what was wrong with the output: then the part has no speed.
    """

    part: str
    runs_us: list[float] = []
    kernels_us: list[float] = []
    faults: list[str] = []

    @property
    def cpu_us(self) -> float | None:
        """The median; None when the output was wrong."""
        return median(self.runs_us) if self.runs_us and not self.faults else None

    @property
    def kernels(self) -> float | None:
        """The median of the ratios to the calibration."""
        if self.cpu_us is None:
            return None
        return median(run / kernel for run, kernel in zip(self.runs_us, self.kernels_us, strict=True))


class Core(Struct):
    """The core's figures; `types_us` maps event types to (count, CPU microseconds), measured one entry at a time."""

    rows: list[Row]
    types_us: dict[str, tuple[int, float]]
    customers: int
    state_bytes: float
    decisions: int


class Decided(Struct):
    """What the decide stage made of a journal."""

    events: int
    decisions: list[str]
    digest: str
    blobs: list[int]


def measure(prepared: Prepared, repeats: int, shipped: str) -> Core:
    """All parts in turn, `repeats` times; `shipped` names the journal whose state and types are looked at."""
    parts = {"intake": partial(_intake, prepared)}
    parts |= {f"decide, {name}": partial(_decide, prepared, name) for name in prepared.journals}
    rows = {name: Row(name) for name in parts}
    gc.collect()
    thresholds = gc.get_threshold()
    relax()  # as a worker does
    try:
        for _ in range(repeats):
            for name, run in parts.items():
                _run_once(rows[name], run)
        outcome = decide(prepared, shipped)[1]
        types_us = by_type(prepared, shipped)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
    size = sum(outcome.blobs) / max(1, len(outcome.blobs))
    return Core(list(rows.values()), types_us, len(outcome.blobs), size, len(outcome.decisions))


def _run_once(row: Row, run: Callable[[], tuple[float, list[str]]]) -> None:
    before = kernel_us()
    cpu_us, faults = run()
    row.kernels_us.append((before + kernel_us()) / 2)
    row.runs_us.append(cpu_us)
    row.faults += [fault for fault in faults if fault not in row.faults]


def _intake(prepared: Prepared) -> tuple[float, list[str]]:
    work = IntakeWork(topics.PARTITIONS, metrics())
    journal = dead = 0
    seconds = 0.0
    for batch in prepared.sources:
        began = process_time()
        outputs = work.compute(batch)
        outputs.adopt()
        seconds += process_time() - began
        journal += count_journal(outputs)
        dead += len(outputs.records.get(Place(topics.DEAD_LETTERS.name, 0), ()))
    faults = (
        [] if journal + dead == prepared.records else [f"{journal} + {dead} of {prepared.records} records came out"]
    )
    return seconds / prepared.records * 1e6, faults


def _decide(prepared: Prepared, name: str) -> tuple[float, list[str]]:
    seconds, outcome = decide(prepared, name)
    faults = []
    if outcome.events != prepared.events:
        faults.append(f"{outcome.events} of {prepared.events} events were applied")
    if len(set(outcome.decisions)) != len(outcome.decisions):
        faults.append("a decision was made twice")
    return seconds / prepared.events * 1e6, faults


def decide(prepared: Prepared, name: str) -> tuple[float, Decided]:
    """Run the decide stage over a journal; CPU seconds and what came of it."""
    counters = metrics()
    views = Views(NO_REDIS, describe, counters)
    works = [DecideWork(number, Partition({}), views, counters) for number in range(topics.PARTITIONS)]
    seconds, decisions, digest = 0.0, [], blake2b(digest_size=16)
    for batch in prepared.journals[name]:
        number = next(iter(batch)).partition
        began = process_time()
        outputs = works[number].compute(batch)
        outputs.adopt()
        seconds += process_time() - began
        for record in outputs.records.get(Place(topics.DECISIONS.name, number), ()):
            decisions.append(dict(record.headers)["ce_id"].decode())
            digest.update(record.value or b"")
    events = counters.registry.get_sample_value("bellwether_journal_entries_total", {"kind": "event"}) or 0
    blobs = [len(blob) for work in works for blob in work.partition.table.values()]
    return seconds, Decided(int(events), decisions, digest.hexdigest(), blobs)


def by_type(prepared: Prepared, name: str) -> dict[str, tuple[int, float]]:
    """Count and CPU microseconds of each kind of entry, decoded and applied one at a time."""
    partitions = [Partition({}) for _ in range(topics.PARTITIONS)]
    spent: dict[str, list[int]] = {}
    for batch in prepared.journals[name]:
        for place, records in batch.items():
            partition = partitions[place.partition]
            for record in records:
                began = thread_time_ns()
                entry = decode_entry(record.value or b"")
                partition.adopt(partition.compute([JournalRecord(record.offset, entry)]))
                taken = thread_time_ns() - began
                kind = event_type_name(entry.event) if isinstance(entry, EventEntry) else kind_of(entry)
                spent.setdefault(kind, []).append(taken)
    return {kind: (len(times), sum(times) / len(times) / 1000) for kind, times in sorted(spent.items())}
