"""What an event costs the pure core, counted instead of timed: the same on any machine, however busy it is.

Two counts, by stage and event type, each in a pass of its own over a fixed journal:
- steps: the bytecode instructions that Python carries out, by function;
- objects: memory blocks that C functions leave behind, above all what msgspec decodes and encodes.
A step isn't always as dear as another. But what adds a tenth to either has added work, and the functions say where.
"""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec
from msgspec import Struct

from agents import config_files, settings
from agents.currencies import CURRENCIES
from agents.demo.generator import SourceRecord
from bench import data
from streams import topics
from streams.events import event_type_name
from streams.intake import Reader
from streams.journal import EventEntry, decode_entry
from streams.partition import JournalRecord, Partition

BASELINE = Path(__file__).with_name("guard.json")
RENEW = "python -m bench guard --save"
WORSE_PERCENT = 10
OBJECTS_SLACK = 2  # a free list that happens to be full or empty
RECORDS, SEED = 15_000, 1
ONE_CUSTOMER_OF = 4
EVENTS_OF_A_TYPE_MIN, EVENTS_OF_A_TYPE_MAX = 20, 200
FUNCTIONS_TOLD = 3
PYTHON = "{}.{}".format(*sys.version_info)


class Cost(Struct):
    """What one event of a type costs at a stage, on average; `functions` are its steps by function."""

    events: int
    steps: int
    objects: int
    functions: dict[str, int]


class Measured(Struct):
    """All costs, by stage and event type, and a digest of what they were measured on."""

    journal: str
    costs: dict[str, Cost]


Item = tuple[str, Callable[[], object]]  # stage and event type, the work on one event
Counts = Counter[tuple[str, str]]  # by that, and by function


def measure() -> Measured:
    """Carry the journal through intake and decide, twice, counting."""
    records, journal = _material()
    steps: Counts = Counter()
    objects: Counts = Counter()
    for name, work in _items(records, journal):
        _count_steps(name, work, steps)
    gc.collect()
    gc.disable()  # it would free, and fill free lists, in the middle of a count
    try:
        for name, work in _items(records, journal):
            _count_objects(name, work, objects)
    finally:
        gc.enable()
    events = Counter(name for name, _ in _items(records, journal))
    digest = blake2b(repr([journal, [bytes(one.value) for one in records]]).encode(), digest_size=8)
    return Measured(digest.hexdigest(), dict(_costs(events, steps, objects)))


def _material() -> tuple[list[SourceRecord], list[tuple[int, data.Read]]]:
    """All months of a few customers, not too many events of a type; and the journal that they become."""
    decode, several = msgspec.json.Decoder(data.Named).decode, data.source_records(RECORDS, None, SEED)
    names = list(dict.fromkeys(decode(record.value).customer for record in several))[::ONE_CUSTOMER_OF]
    types: Counter[str] = Counter()
    records = []
    for record in several:
        if decode(record.value).customer in names and types[record.topic] < EVENTS_OF_A_TYPE_MAX:
            types[record.topic] += 1
            records.append(record)
    rules = config_files.load(settings.PACKAGED_CONFIG)
    batches = data.prepare(records, {"": rules}).journals[""]
    return records, [(place.partition, one) for batch in batches for place, several in batch.items() for one in several]


def _items(records: Iterable[SourceRecord], journal: Iterable[tuple[int, data.Read]]) -> Iterator[Item]:
    readers = {topic.name: Reader(topic, CURRENCIES) for topic in topics.SOURCES}
    for record in records:
        topic, value, at_ms = record.topic, bytes(record.value), record.timestamp
        yield f"intake {topic}", lambda: readers[topic].read(value, at_ms)  # noqa: B023 - called before the next one
    partitions = [Partition({}) for _ in range(topics.PARTITIONS)]
    for number, read in journal:
        entry = decode_entry(read.value or b"")
        kind = event_type_name(entry.event) if isinstance(entry, EventEntry) else "tick or config"
        yield f"decide {kind}", lambda: _decide(partitions[number], read)  # noqa: B023 - called before the next one


def _decide(partition: Partition, read: data.Read) -> None:
    entry = decode_entry(read.value or b"")
    partition.adopt(partition.compute([JournalRecord(read.offset, entry)]))


def _count_steps(name: str, work: Callable[[], object], counts: Counts) -> None:
    codes: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            codes[frame.f_code] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    for code, count in codes.items():
        counts[name, f"{Path(code.co_filename).stem}.{code.co_qualname}"] += count


def _count_objects(name: str, work: Callable[[], object], counts: Counts) -> None:
    blocks = sys.getallocatedblocks
    before = made = 0

    def profile(_: FrameType, event: str, __: Any) -> None:
        nonlocal before, made
        if event == "c_call":
            before = blocks()
        elif event == "c_return":
            made += max(0, blocks() - before)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    counts[name, ""] += made


def _costs(events: Counter[str], steps: Counts, objects: Counts) -> Iterator[tuple[str, Cost]]:
    for name, count in sorted(events.items()):
        if count >= EVENTS_OF_A_TYPE_MIN:
            functions = {function: round(total / count) for (one, function), total in steps.items() if one == name}
            told = dict(sorted(((one, total) for one, total in functions.items() if total), key=lambda pair: pair[0]))
            total = round(sum(found for (one, _), found in steps.items() if one == name) / count)
            yield name, Cost(count, total, round(objects[name, ""] / count), told)


def read_baseline(file: Path = BASELINE) -> dict[str, Measured]:
    """What was measured when it was last renewed, by minor version of Python."""
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Measured]) if file.exists() else {}


def save(measured: Measured, file: Path = BASELINE) -> None:
    """Make that the baseline of this minor version of Python."""
    content = msgspec.json.encode(read_baseline(file) | {PYTHON: measured}, order="sorted")
    file.write_bytes(msgspec.json.format(content) + b"\n")


def compare(measured: Measured, baseline: dict[str, Measured]) -> Iterator[str]:
    """What is worse than the baseline by more than `WORSE_PERCENT`, or can't be compared; nothing if all is well."""
    before = baseline.get(PYTHON)
    if before is None:
        yield f"no baseline for Python {PYTHON}, only for {', '.join(sorted(baseline))}: on a good commit run {RENEW}"
    elif before.journal != measured.journal or before.costs.keys() != measured.costs.keys():
        yield f"another journal than the baseline's (generator, rules, intake): look at the counts, then run {RENEW}"
    else:
        for name, cost in measured.costs.items():
            yield from _worse(name, before.costs[name], cost)


def _worse(name: str, before: Cost, now: Cost) -> Iterator[str]:
    if 100 * now.steps > (100 + WORSE_PERCENT) * before.steps:
        grown = Counter(now.functions)
        grown.subtract(before.functions)
        where = ", ".join(f"{function} +{more}" for function, more in grown.most_common(FUNCTIONS_TOLD) if more > 0)
        yield f"{name}: {now.steps} steps an event, {before.steps} before; {where}"
    if 100 * now.objects > (100 + WORSE_PERCENT) * before.objects + 100 * OBJECTS_SLACK:
        yield f"{name}: {now.objects} objects an event, {before.objects} before: more is decoded, encoded or built"
