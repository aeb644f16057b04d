"""What it costs to read a record of a mapped source, beside the same event in our own field names, decoded directly.

The records are those of `docs/examples/`. Both are read in turns, so that a busy spell of the machine meets both; what
counts is the CPU time of the best round.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from agents import sources
from agents.sources import OURS
from streams.dead_letters import Rejected
from streams.events import Event
from streams.intake import Reader

EXAMPLES = Path("docs/examples")
RECEIVED_MS = 1_774_900_000_000
ROUNDS, READS = 7, 20_000


class Row(Struct, frozen=True):
    """One example: microseconds of CPU a record, and its bytes."""

    source: str
    mapped_us: float
    direct_us: float
    mapped_bytes: int
    direct_bytes: int


def measure() -> Iterator[Row]:
    """The first record of each example. Run it from the checkout."""
    for name, reader in sources.load(EXAMPLES).readers.items():
        value = (EXAMPLES / f"{name}.jsonl").read_bytes().splitlines()[0]
        event = _event(reader, value)
        direct, own = _direct(event), msgspec.json.encode(event)
        if _event(direct, own) != event:
            raise AssertionError(f"{name}: mapped and direct aren't the same event")
        rounds = [(_us(reader.read, value), _us(direct.read, own)) for _ in range(ROUNDS)]
        mapped_us, direct_us = (min(times) for times in zip(*rounds, strict=True))
        yield Row(name, mapped_us, direct_us, len(value), len(own))


def _event(reader: Reader, value: bytes) -> Event:
    found = reader.read(value, RECEIVED_MS)
    if isinstance(found, Rejected):
        raise AssertionError(found.message)  # noqa: TRY004 - the example is wrong, not a type
    return found


def _direct(event: Event) -> Reader:
    """The reader of the topic that carries such events in our own names."""
    return next(OURS.readers[topic.name] for topic in OURS.topics if topic.carries is type(event))


def _us(read: Callable[[bytes, int], object], value: bytes) -> float:
    began = time.process_time()
    for _ in range(READS):
        read(value, RECEIVED_MS)
    return (time.process_time() - began) / READS * 1e6
