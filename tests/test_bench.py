"""The benchmark itself: what it measures is there, and an output that is wrong has no speed."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agents import config_files, settings
from agents.demo.commit import commit
from agents.demo.generator import EVENTS_PER_CUSTOMER
from agents.unit_of_work import Place
from bench import __main__, check, core, data, report
from bench.data import Prepared, Read
from bench.pipeline import Run
from streams import topics
from streams.actions import encode_decision
from streams.journal import decode_entry
from streams.partition import JournalRecord, Partition

EVENTS = 3000
RULES = "shipped"


@pytest.fixture
def prepared() -> Prepared:
    records = data.source_records(EVENTS, None, seed=3)
    return data.prepare(records, {RULES: config_files.load(settings.PACKAGED_CONFIG)})


def report_of(measured: core.Core, runs: list[Run]) -> report.Report:
    return report.Report(report.machine(), report.versions(), commit(), EVENTS, 7, 3, measured, runs)


def test_every_part_has_a_speed_for_each_repeat(prepared: Prepared) -> None:
    measured = core.measure(prepared, 2, RULES)
    assert [row.part for row in measured.rows] == ["intake", f"decide, {RULES}"]
    assert [(len(row.runs_us), row.faults) for row in measured.rows] == [(2, [])] * 2
    assert all(row.cpu_us and row.kernels for row in measured.rows)
    events = sum(count for kind, (count, _) in measured.types_us.items() if kind not in ("tick", "config"))
    assert events == prepared.events == prepared.records
    assert measured.customers == EVENTS // EVENTS_PER_CUSTOMER
    assert measured.decisions > 0


def test_the_first_weeks_of_many_customers() -> None:
    records = data.source_records(EVENTS, 100, seed=3)
    assert len(records) == EVENTS
    assert data.customers_of(records) == 100


def lose_a_record(batches: data.Batches) -> None:
    next(records for batch in batches for records in batch.values() if len(records) > 1).pop(1)


def repeat_an_entry(batches: data.Batches) -> None:
    (records,) = batches[-1].values()
    records.append(msgspec.structs.replace(records[1], offset=records[-1].offset + 1))


@pytest.mark.parametrize("spoil", [lose_a_record, repeat_an_entry])
def test_a_wrong_count_in_the_journal_has_no_speed(prepared: Prepared, spoil: Callable[[data.Batches], None]) -> None:
    spoil(prepared.journals[RULES])
    intake, decide = core.measure(prepared, 1, RULES).rows
    assert intake.cpu_us
    assert decide.faults
    assert decide.cpu_us is decide.kernels is None


def test_a_wrong_count_of_sources_has_no_speed(prepared: Prepared) -> None:
    lose_a_record(prepared.sources)
    measured = core.measure(prepared, 1, RULES)
    assert [bool(row.faults) for row in measured.rows] == [True, False]
    assert f"| intake | {report.NO_SPEED} |" in report.as_markdown(report_of(measured, []))


def output_of(prepared: Prepared) -> tuple[dict[Place, int], dict[Place, list[Read]], dict[int, int]]:
    """What a faultless run of the pipeline leaves on its topics: source counts, records, journal positions."""
    sources: dict[Place, int] = {}
    for batch in prepared.sources:
        for place, records in batch.items():
            sources[place] = sources.get(place, 0) + len(records)
    output: dict[Place, list[Read]] = {}
    for batch in prepared.journals[RULES]:
        for place, records in batch.items():
            output.setdefault(place, []).extend(records)
    positions = {place.partition: len(records) for place, records in output.items()}
    for number in positions:
        journal = output[Place(topics.JOURNAL.name, number)]
        entries = [JournalRecord(one.offset, decode_entry(one.value or b"")) for one in journal]
        decisions = Partition({}).compute(entries).decisions
        values = [encode_decision(decision) for decision in decisions]
        output[Place(topics.DECISIONS.name, number)] = [Read(at, 0, None, one) for at, one in enumerate(values)]
    return sources, output, positions


def test_a_pipeline_run_is_right_or_has_no_speed(prepared: Prepared) -> None:
    sources, output, positions = output_of(prepared)
    assert check.faults(sources, output, positions) == []
    some = next(iter(sources))
    assert check.faults({**sources, some: sources[some] + 1}, output, positions) == ["1 source records are missing"]
    assert check.faults({**sources, some: sources[some] - 1}, output, positions) == ["1 entries have no source record"]
    decided = next(records for place, records in output.items() if place.topic == topics.DECISIONS.name and records)
    decided.append(decided[-1])
    assert len(check.faults(sources, output, positions)) == 1


def test_an_event_that_was_taken_in_twice_is_found(prepared: Prepared) -> None:
    sources, output, positions = output_of(prepared)
    place = Place(topics.JOURNAL.name, 0)
    output[place].append(msgspec.structs.replace(output[place][1], offset=positions[0]))
    assert check.faults(sources, output, positions) == ["1 source records were taken in twice"]


def run_with(faults: list[str]) -> Run:
    return Run(
        part="pipeline",
        workers=1,
        views=True,
        events=EVENTS,
        worker_seconds=0.06,
        kafka_seconds=0.03,
        redis_seconds=0.0,
        wall_seconds=0.1,
        resident_bytes=10**8,
        decisions=0,
        kernel_us=0.5,
        faults=faults,
    )


def test_one_wrong_run_takes_the_speed_of_all(prepared: Prepared) -> None:
    measured = core.measure(prepared, 1, RULES)
    right = report.as_markdown(report_of(measured, [run_with([])] * 2))
    assert "| pipeline | 20.0 | 20.0-20.0 | 40 | 10.0 | 0.0 | 30,000 | 100 |" in right
    wrong = report.as_markdown(report_of(measured, [run_with([]), run_with(["2 source records are missing"])]))
    assert f"| pipeline | {report.NO_SPEED} | 2 source records are missing |" in wrong


def test_the_command_prints_tables_and_writes_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    code = __main__.bench(events=EVENTS, repeats=2, workers=(0,), json=file)
    assert code == 0
    printed = capsys.readouterr().out
    assert "decide, three triggers" in printed
    assert "decide, all triggers off" in printed
    written = msgspec.json.decode(file.read_bytes(), type=report.Report)
    assert [len(row.runs_us) for row in written.core.rows] == [2, 2, 2, 2]
    assert written.machine["cores"] >= 1
