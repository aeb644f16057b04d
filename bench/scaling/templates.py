"""Real states for many customers: those of a few generated ones, under other names.

Two generated lives (of a bank's customer and a shop's, say) become one customer, so that many triggers have
something to remember. Their first months make the state, their last ones the events that come next.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from agents import config_files, settings
from agents.currencies import CURRENCIES
from agents.demo.generator import EVENTS_PER_CUSTOMER
from agents.demo.timeline import DAY_MS, END_MS
from agents.kafka_reader import Table
from bench import data
from streams import state, topics
from streams.config import encode as encode_config
from streams.dead_letters import Rejected
from streams.events import AnyEvent
from streams.intake import Reader
from streams.journal import ConfigVersion, Entry, EventEntry, Source, Tick
from streams.partition import JournalRecord, Partition
from streams.partition_record import CONFIG_KEY, PARTITION_KEY, PartitionRecord

LIVES_PER_CUSTOMER = 2
CONTINUED_DAYS = 60
STEP = 300  # states put into a table at once, as a fetch of a megabyte has them
CLOCK_MS = END_MS - CONTINUED_DAYS * DAY_MS
SOURCE = Source("bench", 0, 0)


class Template(Struct):
    """A state, and the events that come next, in order."""

    blob: bytes
    events: list[AnyEvent]


class Templates(Struct):
    """Templates of one kind of customer.

    Attributes:
        config: the rules' record in a partition's table.
        parts: mean bytes of each part of a state.
        generated_bytes: mean size of the states of single generated lives, whatever triggers they have.
    """

    config: bytes
    some: list[Template]
    parts: dict[str, float]
    generated_bytes: float

    @property
    def blob_bytes(self) -> float:
        """Mean size of a state."""
        return sum(len(one.blob) for one in self.some) / len(self.some)


def make(lives: int, triggers_min: int, seed: int) -> Templates:
    """From so many generated lives; only states with so many triggers' sub-states are taken.

    Raises:
        ValueError: no state has so many.
    """
    rules = config_files.load(settings.PACKAGED_CONFIG)
    version = ConfigVersion(rules.version, encode_config(rules), 0)
    single, merged = _Lives(1), _Lives(LIVES_PER_CUSTOMER)
    for one in (single, merged):
        one.live(version, lives, seed)
    customers = {key: state.decode(blob) for key, blob in merged.partition.table.items()}
    taken = [key for key, customer in customers.items() if len(customer.triggers) >= triggers_min]
    if not taken:
        raise ValueError(f"No state has {triggers_min} triggers, the most is {max(map(_count, customers.values()))}")
    some = [Template(_unplaced(customers[key]), merged.continued.get(key, [])) for key in taken]
    sizes = [len(blob) for blob in single.partition.table.values()]
    return Templates(
        config=msgspec.msgpack.encode(version),
        some=[one for one in some if one.events],
        parts=_parts([customers[key] for key in taken]),
        generated_bytes=sum(sizes) / len(sizes),
    )


class _Lives:
    """Generated events applied to one partition, `together` lives to a customer; the last days' are kept for later."""

    def __init__(self, together: int) -> None:
        self.partition = Partition({})
        self.continued: dict[bytes, list[AnyEvent]] = {}
        self._together = together
        self._names: dict[str, str] = {}
        self._offset = 0

    def live(self, version: ConfigVersion, lives: int, seed: int) -> None:
        """Live up to `CLOCK_MS`, with a tick each day."""
        self._apply(version)
        day = 0
        for event in events(lives, seed):
            event.customer = self._name(event.customer)
            if event.at_ms >= CLOCK_MS:
                self.continued.setdefault(event.customer.encode(), []).append(event)
                continue
            if event.at_ms // DAY_MS > day:
                day = event.at_ms // DAY_MS
                self._apply(Tick(day * DAY_MS))
            self._apply(EventEntry(event, SOURCE))
        self._apply(Tick(CLOCK_MS))

    def _name(self, customer: str) -> str:
        return self._names.setdefault(customer, f"merged-{len(self._names) // self._together:07}")

    def _apply(self, entry: Entry) -> None:
        self.partition.adopt(self.partition.compute([JournalRecord(self._offset, entry)]))
        self._offset += 1


def events(lives: int, seed: int) -> Iterator[AnyEvent]:
    """What the intake makes of the generated records, in the order of arrival."""
    readers = {topic.name: Reader(topic, CURRENCIES) for topic in topics.SOURCES}
    for record in data.source_records(lives * EVENTS_PER_CUSTOMER, None, seed):
        event = readers[record.topic].read(bytes(record.value), record.timestamp)
        if not isinstance(event, Rejected):
            yield event


def _unplaced(customer: state.Customer) -> bytes:
    """As if the journal had only begun: a state may not be ahead of its partition."""
    customer.position = 0
    return state.encode(customer)


def _count(customer: state.Customer) -> int:
    return len(customer.triggers)


def _parts(some: list[state.Customer]) -> dict[str, float]:
    """Mean bytes of each field, and of each trigger's sub-state."""
    sizes: dict[str, int] = {}
    for customer in some:
        fields = {name: getattr(customer, name) for name in customer.__struct_fields__ if name != "triggers"}
        for name, value in [*fields.items(), *((f"trigger {name}", raw) for name, raw in customer.triggers.items())]:
            sizes[name] = sizes.get(name, 0) + len(msgspec.msgpack.encode(value))
    return {name: round(size / len(some), 1) for name, size in sorted(sizes.items(), key=lambda one: -one[1])}


def name(number: int) -> str:
    """The customer's."""
    return f"customer-{number:07}"


def states(known: Templates, numbers: Iterable[int]) -> dict[bytes, bytes]:
    """These customers' states by key, each in bytes of its own."""
    blobs = [one.blob for one in known.some]
    return {name(number).encode(): bytes(bytearray(blobs[number % len(blobs)])) for number in numbers}


def own_records(known: Templates, count: int, content_bytes: int) -> dict[bytes, bytes]:
    """What a table has beside so many customers with so many bytes: the rules, and the partition's own record."""
    own = PartitionRecord(0, CLOCK_MS, count + 1, content_bytes + len(known.config))
    return {CONFIG_KEY: known.config, PARTITION_KEY: msgspec.msgpack.encode(own)}


def fill(table: Table, known: Templates, numbers: Sequence[int]) -> None:
    """Make it a partition's table with these customers, as its changelog would, some at a time."""
    content_bytes = 0
    for first in range(0, len(numbers), STEP):
        found = states(known, numbers[first : first + STEP])
        table.update(found)
        content_bytes += sum(map(len, found.values()))
    table.update(own_records(known, len(numbers), content_bytes))
