"""The decide stage with so many customers, in a process of its own: CPU per event, and memory.

`python -m bench.scaling.sizes FILE CUSTOMERS [FOLDER]` reads the templates from a file, builds the partitions, their
states in memory or in files in the folder, says so on stdout, and for each line on stdin measures one round. The events
are the same at every size, only of other customers.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from time import process_time

import msgspec
import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from agents.decide import DecideWork
from agents.kafka_reader import Table
from agents.state_file import StateFile
from agents.unit_of_work import Place
from agents.views import Views
from bench.calibration import kernel_us
from bench.core import NO_REDIS
from bench.data import BATCH, Read, metrics
from bench.scaling import templates
from bench.scaling.templates import Templates
from streams import topics
from streams.journal import EventEntry, encode_entry
from streams.partition import Partition
from streams.view import describe

ROUND_EVENTS = 25_000
USES = 100  # customers of a template that have an event, before they have the next
USE_STEP, TURN_STEP = 7919, 104_729  # primes: neighbours in time aren't neighbours in memory


class Loaded(Struct):
    """Memory before and after the partitions were built."""

    resident_before: int
    resident_after: int


class Round(Struct):
    """CPU microseconds of one event, and of the calibration beside it; states written and decisions made for one."""

    cpu_us: float
    kernel_us: float
    written: float
    decided: float


def main() -> None:
    """Build, then measure on demand."""
    known = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Templates)
    customers = int(sys.argv[2])
    new_table = partial(StateFile, Path(sys.argv[3])) if sys.argv[3:] else dict
    gc.collect()
    gc.freeze()  # as a worker does, before it recovers
    before = psutil.Process().memory_info().rss
    works = list(_works(known, customers, new_table))
    _say(Loaded(before, psutil.Process().memory_info().rss))
    source, offsets = moves(known, customers), [1] * topics.PARTITIONS
    for _ in sys.stdin:
        _say(_round(works, batches(source, ROUND_EVENTS, offsets)))


def _works(known: Templates, customers: int, new_table: Callable[[], Table]) -> Iterator[DecideWork]:
    counters = metrics()
    views = Views(NO_REDIS, describe, counters)
    for number in range(topics.PARTITIONS):
        table = new_table()
        templates.fill(table, known, range(number, customers, topics.PARTITIONS))
        yield DecideWork(number, Partition(table), views, counters)


def moves(known: Templates, customers: int) -> Iterator[tuple[int, bytes]]:
    """Customer and journal entry: the next event of some customers of each template, then the one after it, and so on.

    No customer has the same event twice, as long as there are customers enough.
    """
    for again in count():
        for turn in range(max(len(one.events) for one in known.some)):
            for use in range(again * USES, (again + 1) * USES):
                for place, template in enumerate(known.some):
                    of_template = (customers - place - 1) // len(known.some) + 1
                    nth = (use * USE_STEP + turn * TURN_STEP) % of_template
                    number = place + nth * len(known.some)
                    event = template.events[turn % len(template.events)]
                    event.customer = templates.name(number)
                    yield number, encode_entry(EventEntry(event, templates.SOURCE))


def batches(source: Iterator[tuple[int, bytes]], entries: int, offsets: list[int]) -> list[dict[Place, list[Read]]]:
    """Journal batches of so many entries; `offsets` are the next of each partition."""
    waiting: dict[int, list[Read]] = {number: [] for number in range(topics.PARTITIONS)}
    found = []
    for customer, value in islice(source, entries):
        number = customer % topics.PARTITIONS
        waiting[number].append(Read(offsets[number], 0, None, value))
        offsets[number] += 1
        if len(waiting[number]) == BATCH:
            found.append({Place(topics.JOURNAL.name, number): waiting[number]})
            waiting[number] = []
    return found + [{Place(topics.JOURNAL.name, number): some} for number, some in waiting.items() if some]


def _round(works: list[DecideWork], some: list[dict[Place, list[Read]]]) -> Round:
    kernel, seconds, written, decided, entries = kernel_us(), 0.0, 0, 0, 0
    for batch in some:
        (place,) = batch
        began = process_time()
        outputs = works[place.partition].compute(batch)
        outputs.adopt()
        seconds += process_time() - began
        entries += len(batch[place])
        written += len(outputs.records[Place(topics.CHANGELOG.name, place.partition)])
        decided += len(outputs.records.get(Place(topics.DECISIONS.name, place.partition), ()))
    cpu_us, kernel = seconds / entries * 1e6, (kernel + kernel_us()) / 2
    return Round(cpu_us, kernel, round(written / entries, 3), round(decided / entries, 5))


def _say(one: Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
