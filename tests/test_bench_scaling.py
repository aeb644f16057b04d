"""The scaling benchmark itself: real states under many names, slopes, and the page."""

import pytest

from bench import page, report
from bench.core import Row
from bench.pipeline import Run
from bench.recovery_load import Commits
from bench.scaling import growth, sizes, templates, triggers
from bench.scaling import report as scaling_report
from bench.scaling.growth import Growth, Size
from bench.scaling.recovered import Recovered
from bench.scaling.sizes import Loaded, Round
from bench.scaling.templates import Templates
from streams import state
from streams.journal import EventEntry, decode_entry
from streams.partition import JournalRecord, Partition

LIVES = 12
CUSTOMERS = 50


@pytest.fixture(scope="module")
def known() -> Templates:
    return templates.make(LIVES, 4, seed=1)


def test_states_are_real_and_of_as_many_triggers_as_asked_for(known: Templates) -> None:
    customers = [state.decode(one.blob) for one in known.some]
    assert 0 < len(customers) <= LIVES // templates.LIVES_PER_CUSTOMER
    assert min(len(one.triggers) for one in customers) >= 4
    assert sum(known.parts.values()) == pytest.approx(known.blob_bytes, rel=0.1)
    assert all(event.at_ms >= templates.CLOCK_MS for one in known.some for event in one.events)


def test_more_triggers_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="No state has 99 triggers"):
        templates.make(2, 99, seed=1)


def test_a_partition_goes_on_from_a_table_of_templates(known: Templates) -> None:
    table: dict[bytes, bytes] = {}
    templates.fill(table, known, range(CUSTOMERS))
    partition = Partition(table)
    assert len(partition.table) == CUSTOMERS
    assert len({id(blob) for blob in partition.table.values()}) == CUSTOMERS
    source = sizes.moves(known, CUSTOMERS)
    entries = [decode_entry(next(source)[1]) for _ in range(20)]
    batch = partition.compute(JournalRecord(offset, entry) for offset, entry in enumerate(entries, 1))
    assert batch.counts == {"event": 20}
    assert batch.repeated == 0


def test_events_are_the_same_at_every_size_and_come_once_to_a_customer(known: Templates) -> None:
    seen = []
    for customers in (1_000, 7_777):
        source = sizes.moves(known, customers)
        moves = [next(source) for _ in range(2_000)]
        assert max(number for number, _ in moves) < customers
        events = []
        for number, value in moves:
            entry = decode_entry(value)
            assert isinstance(entry, EventEntry)
            assert entry.event.customer == templates.name(number)
            events.append(entry.event.id)
        assert len(set(zip(events, (number for number, _ in moves), strict=True))) == 2_000
        seen.append(events)
    assert seen[0] == seen[1]
    assert len({number for number, _ in moves}) > 1_500, "they are spread over the customers"


def test_batches_keep_the_order_of_each_partition(known: Templates) -> None:
    offsets = [1] * 4
    found = sizes.batches(sizes.moves(known, 1_000), 9_000, offsets)
    assert sum(len(records) for batch in found for records in batch.values()) == 9_000
    for number in range(4):
        read = [
            one.offset
            for batch in found
            for place, records in batch.items()
            if place.partition == number
            for one in records
        ]
        assert read == list(range(1, offsets[number]))


def test_sets_of_triggers_grow_from_none_to_all() -> None:
    live = {
        name: [trigger for trigger, settings in rules.triggers.items() if settings.mode == "live"]
        for name, rules in triggers.rules().items()
    }
    counts = [len(some) for some in live.values()]
    assert counts[:2] == [0, 3]
    assert counts == sorted(set(counts))
    assert [name.split()[0] for name in live] == [str(count) for count in counts]


def test_memory_of_a_customer_is_the_slope() -> None:
    assert growth.slope([(10, 1_100), (20, 1_200), (30, 1_300)]) == pytest.approx(10.0)
    assert growth.slope([(10, 1_100)]) is None


def test_a_start_is_over_when_every_partition_has_committed() -> None:
    commits = Commits()
    commits._seen = {0: [1.0, 5.0], 1: [2.0], 2: [3.5, 9.0]}
    assert commits.first_since(3.0) == [2.0, None, 0.5]


def run_with(workers: int, faults: list[str]) -> Run:
    return Run("pipeline", workers, False, 1000, 0.02, 0.006, 0.0, 0.1 / workers, 10**8, 3, 0.5, faults)  # noqa: FBT003 - in order


def page_of(faults: list[str]) -> str:
    origin = page.Origin(report.machine(), report.versions(), "abc", (0.5, 2.0))
    known = Growth(10, 1_000.0, 900.0, {"facts": 700.0}, [size(10_000, 20.0), size(1_010_000, 22.0)])
    started = Recovered(
        1_000_000, 2_000_000, 10**9, 9.0, 9.5, {"partitions_assigned": 3.0, "ready": 8.5}, 7.0, 10**9, 0.4
    )
    row = Row("decide, 3 triggers", [9.0, 10.0, 11.0], [0.5] * 3)
    runs = [run_with(1, []), run_with(2, faults)]
    return scaling_report.as_markdown(scaling_report.Report(origin, runs, known, [row], [started]))


def test_a_page_says_where_states_were() -> None:
    origin = page.Origin(report.machine(), report.versions(), "abc", (0.5, 2.0))
    grown = Growth(10, 1_000.0, 900.0, {"facts": 700.0}, [size(10_000, 20.0), size(1_010_000, 22.0)])
    text = scaling_report.as_markdown(scaling_report.Report(origin, [], grown, [], [], in_files=True))
    assert text.startswith("# Scaling, states in files\n")
    assert "### Customers, states in files\n" in text
    assert "bytes for one more customer\n" in text
    assert "facts" not in text, "the same as in memory"


def size(customers: int, cpu_us: float) -> Size:
    return Size(customers, Loaded(10**8, 10**8 + 1_500 * customers), [Round(cpu_us, 0.5, 1.0, 0.0)] * 3)


def test_the_page_has_each_part() -> None:
    text = page_of([])
    assert "| 1 | 10,000 | 20.0 | 40 | 6.0 | 10,000 |" in text
    assert "| 2 | 20,000 | 20.0 | 40 | 6.0 | 20,000 |" in text
    assert "memory: 1,500 bytes for one more customer, 500 of them beside the state" in text
    assert "costs 10% more" in text
    assert "| 1,010,000 | 22.00 | 22.00-22.00 | 44.0 | 1.00 | 1,615 |" in text
    assert "| decide, 3 triggers | 10.00 | 9.00-11.00 | 20.0 |" in text
    assert "| 1,000,000 | 2,000,000 | 1,000 | 9.0 | 9.5 | 3.0 | 8.5 | 7.0 | 1,000 |" in text


def test_a_wrong_output_has_no_speed() -> None:
    text = page_of(["2 source records are missing"])
    assert "| 2 | no speed | 2 source records are missing |" in text
