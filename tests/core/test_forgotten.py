"""Erasure: what was before the request stays gone, what comes later is a new customer, and markers are bounded."""

from streams.events import Interaction
from streams.forgotten import MARKERS_KEPT_MAX, Forgotten
from streams.journal import Entry, EventEntry, Forget, Source
from streams.partition import Batch, JournalRecord, Partition
from streams.partition_record import PARTITION_KEY
from streams.state import decode_header


def login(customer: str, at_ms: int) -> EventEntry:
    event = Interaction(id=f"{customer}-{at_ms}", customer=customer, at_ms=at_ms, kind="login")
    return EventEntry(event, Source("interactions", 0, 0))


def take(partition: Partition, *entries: Entry) -> Batch:
    """What some entries change, adopted."""
    first = partition.position + 1
    batch = partition.compute([JournalRecord(first + number, one) for number, one in enumerate(entries)])
    partition.adopt(batch)
    return batch


def test_what_happened_before_a_customer_was_forgotten_stays_gone_and_what_comes_later_begins_anew() -> None:
    partition = Partition({})
    take(partition, login("c1", 1000), login("c2", 1000), Forget("r1", "c1", 2000))
    take(partition, login("c1", 1500), login("c1", 2000))
    assert partition.table.keys() == {b"c2"}
    take(partition, login("c1", 2001), Forget("r1", "c1", 9000))
    assert decode_header(partition.table[b"c1"]).position == 5, "the same request once more is ignored"
    take(partition, Forget("r2", "c1", 9000), login("c1", 9000))
    assert partition.table.keys() == {b"c2"}


def test_an_earlier_time_in_a_later_request_lets_nothing_back_in() -> None:
    partition = Partition({})
    take(partition, Forget("r1", "c1", 2000), Forget("r2", "c1", 1000), login("c1", 1500))
    assert partition.table == {}


def test_a_recovered_partition_still_knows_who_was_forgotten() -> None:
    forgotten = take(Partition({}), login("c1", 1000), Forget("r1", "c1", 2000))
    again = Partition({key: blob for key, blob in forgotten.changes.items() if blob is not None})
    late = take(again, login("c1", 1500), Forget("r1", "c1", 2000))
    assert (late.forgotten, late.changes.keys()) == (1, {PARTITION_KEY})
    assert not any(b"c1" in blob for blob in forgotten.changes.values() if blob), "a marker names nobody"


def test_only_so_many_markers_are_kept_and_the_oldest_go_first() -> None:
    forgotten = Forgotten(None)
    for number in range(MARKERS_KEPT_MAX + 1):
        assert forgotten.add(Forget("r", f"c{number}", number))
    assert [forgotten.covers(f"c{number}", 0) for number in (0, 1, MARKERS_KEPT_MAX)] == [False, True, True]
    assert len(forgotten.encode()) < 1 << 18
    assert forgotten.encode() == Forgotten(forgotten.encode()).encode()
