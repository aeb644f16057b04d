"""A table that isn't what a partition wrote is refused: work never goes on with a part of the state."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from agents import config_files, settings
from streams import config, state
from streams.events import Interaction
from streams.journal import ConfigVersion, EventEntry, Forget, Source, Tick
from streams.partition import JournalRecord, Partition
from streams.partition_record import CONFIG_KEY, FORGOTTEN_KEY, PARTITION_KEY, DamagedState

Table = dict[bytes, bytes]


def met(customer: str, at_ms: int, kind: Any = "login", score: int | None = None) -> EventEntry:
    event = Interaction(id=f"{customer}-{at_ms}", customer=customer, at_ms=at_ms, kind=kind, score=score)
    return EventEntry(event, Source("interactions", 0, 0))


def written(rules: Any = None) -> Table:
    """The table of a partition after a few entries: two customers, a marker, rules."""
    partition, build = Partition({}), config.build(rules or {"policy": {"cool_down": "P3D"}})
    table: Table = {}
    events = [met("c1", 1), met("c2", 2), met("c2", 3), met("c3", 1), Forget("r", "c1", 2)]
    for offset, entry in enumerate([ConfigVersion(build.version, config.encode(build), 0), *events]):
        batch = partition.compute([JournalRecord(offset, entry)])
        partition.adopt(batch)
        table = {key: blob for key, blob in (table | batch.changes).items() if blob is not None}
    return table


@pytest.mark.parametrize("key", [b"c2", CONFIG_KEY, FORGOTTEN_KEY, PARTITION_KEY], ids=repr)
def test_a_table_without_one_of_its_records_is_refused(key: bytes) -> None:
    table = written()
    del table[key]
    told = "none says which journal offset" if key == PARTITION_KEY else "3 records, 4 were written"
    with pytest.raises(DamagedState, match=told):
        Partition(table)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda table: table.update({b"c4": table[b"c2"]}), "5 records, 4 were written"),
        (lambda table: table.update({b"c2": table[b"c2"] + b"x"}), "bytes in 4 records"),
        (lambda table: table.update({b"c2": b"x" * len(table[b"c2"])}), "customer's record can't be read"),
        (lambda table: table.update({PARTITION_KEY: b"x"}), "own record can't be read"),
        (lambda table: table.update({b"c2": table[b"c2"].replace(b"\x03", b"\x09", 1)}), "of journal offset 9"),
    ],
)
def test_a_table_with_a_strange_record_is_refused(damage: Callable[[Table], None], told: str) -> None:
    table = written()
    Partition(dict(table))
    damage(table)
    with pytest.raises(DamagedState, match=told):
        Partition(table)


@pytest.mark.parametrize("part", ["facts.stored", "told", "triggers.negative_feedback"])
def test_a_record_damaged_inside_stops_whoever_needs_it(part: str) -> None:
    """Parts stay encoded until somebody asks: what recovery didn't look into must not become a failed decision."""
    machine = Partition(written(msgspec.json.decode(config.encode(config_files.load(settings.PACKAGED_CONFIG)))))
    customer = state.decode(machine.table[b"c2"])
    owner, _, name = part.rpartition(".")
    if owner == "triggers":
        customer.triggers[name] = b"\xc1"
    else:
        setattr(customer.facts if owner else customer, name, b"\xc1")
    machine.table[b"c2"] = state.encode(customer)
    with pytest.raises(msgspec.DecodeError):
        machine.compute([JournalRecord(9, met("c2", 9, kind="survey_answer", score=0))])


def test_a_table_of_an_earlier_release_is_taken_and_counted_from_there() -> None:
    table = written()
    position, clock_ms, *_ = msgspec.msgpack.decode(table[PARTITION_KEY])
    table[PARTITION_KEY] = msgspec.msgpack.encode((position, clock_ms))
    changes = Partition(dict(table)).compute([JournalRecord(9, Tick(5000))]).changes
    assert msgspec.msgpack.decode(changes[PARTITION_KEY] or b"")[2] == 4
    Partition(table | {key: blob for key, blob in changes.items() if blob})
