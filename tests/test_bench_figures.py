"""The figures of docs/performance.md are those of the result files, and what isn't measured isn't told."""

from pathlib import Path

import msgspec
import pytest

from bench import figures, page
from bench.latency import outages_report
from bench.latency import report as latency_report
from bench.latency.judging import distribution
from bench.latency.outages import FAULTS, Outage, Outcome
from bench.latency.points import Point
from bench.pipeline import Run
from bench.scaling import report as scaling_report
from bench.scaling.growth import Growth, Size
from bench.scaling.recovered import Recovered
from bench.scaling.sizes import Loaded, Round
from bench.targets import Target

ROOT = Path(__file__).parents[1]
ORIGIN = page.Origin(
    {"cores": 2, "cpu": "Abacus", "kernel": "6", "python": "3.11"}, {"msgspec": "0"}, "abc", (0.1, 2.0)
)
PAGE = "".join(f"<!-- figures: {name} -->\nold figures\n<!-- end of figures -->\nkept\n" for name in figures.BLOCKS)


def block(text: str, name: str) -> str:
    found = next(found for found in figures.BLOCK.finditer(text) if found[2] == name)
    return found[0]


def test_the_page_has_the_figures_of_the_result_files() -> None:
    text = (ROOT / figures.PAGE).read_text()
    assert figures.filled(text, ROOT / figures.RESULTS) == text, "run: python -m bench figures"
    assert {found[2] for found in figures.BLOCK.finditer(text)} == set(figures.BLOCKS)


def test_what_is_not_measured_yet_says_how_to_measure_it(tmp_path: Path) -> None:
    text = figures.filled(PAGE, tmp_path)
    assert "old figures" not in text
    assert text.count("kept\n") == len(figures.BLOCKS)
    assert "Not measured yet: `python -m bench latency --rate 200 --rate 1000" in block(text, "latency")
    assert "Not measured yet: `python -m bench latency --save`" in block(text, "latency-shares")
    assert "Not measured yet: `python -m bench scale --save`" in block(text, "hundredfold")


def test_a_block_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        figures.filled(PAGE.replace("sizing", "guesses"), tmp_path)


def scaling(customer_bytes: int = 2_000) -> scaling_report.Report:
    runs = [
        Run("pipeline", count, False, 1000, 0.02, 0.005, 0.0, 0.1 / count, 10**8, 3, 0.5, [])  # noqa: FBT003 - in order
        for count in (1, 2)
    ]
    sizes = [
        Size(count, Loaded(10**8, 10**8 + customer_bytes * count), [Round(20.0, 0.5, 1.0, 0.0)])
        for count in (10_000, 1_010_000)
    ]
    starts = [Recovered(count, count, 10**9, 9.0, 9.4, {}, 7.0, 10**9, 0.4) for count in (0, 1_000_000)]
    return scaling_report.Report(ORIGIN, runs, Growth(10, 1_500.0, 900.0, {}, sizes), [], starts)


def test_sizes_follow_from_what_was_measured(tmp_path: Path) -> None:
    (tmp_path / "scaling.json").write_bytes(page.as_json(scaling()))
    text = figures.filled(PAGE, tmp_path)
    sizing, more = block(text, "sizing"), block(text, "hundredfold")
    assert "2 cores of Abacus, commit abc" in sizing
    assert "| a core of workers | 50,000 events/s, and 0.25 cores of brokers beside it |" in sizing
    assert "| a million customers, 10 triggers each | 2.0 GB over all workers |" in sizing
    assert "| a start with 1,000,000 customers | 9 s to the first commit of all partitions |" in sizing
    assert "is 2,000,000 events a second" in more
    assert "| worker processes, a core each | 40 |" in more
    assert "| cores of brokers | 10 |" in more
    assert "| memory of a process, 100 million customers in all | 5.0 GB |" in more
    assert "| 2 | 20,000 | 20.0 | 40 | 5.0 | 20,000 |" in block(text, "scaling")


def test_a_target_is_reached_up_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    (tmp_path / "scaling.json").write_bytes(page.as_json(scaling()))
    (tmp_path / "scaling-in-files.json").write_bytes(page.as_json(scaling(customer_bytes=300)))
    text = block(figures.filled(PAGE, tmp_path), "targets")
    assert "triggers or more, states in files | <= 1,500 bytes | 300 bytes | reached |" in text
    assert "| start with 1,000,000 customers, first commit, slowest of 1 | <= 15 s | 9.0 s | reached |" in text
    assert "| memory of a customer, 10 triggers or more | <= 1,500 bytes | 2,000 bytes | **not reached** |" in text
    assert "J1" not in text, "not measured"
    assert [Target("", 8, "µs", us).cells()[-1] for us in (8.0, 8.1)] == ["reached", "**not reached**"]
    assert [Target("", 50, "times", by, is_least=True).cells()[-1] for by in (50, 49)] == ["reached", "**not reached**"]


def test_latencies_are_those_of_the_files(tmp_path: Path) -> None:
    known = distribution([25_000] * 10)
    point = Point(1000.0, 8.0, 800, known, known, known, True, 0.0, 0.5, 0.4, 1.0, [], "")  # noqa: FBT003 - in order
    measured = latency_report.Measured("ours", "pipeline", 45_000.0, 120.0, 5.0, 100, 20, [point])
    (tmp_path / "latency.json").write_bytes(page.as_json(latency_report.Report(ORIGIN, [measured])))
    outages = [Outage(fault, known, known, [0.2, 4.0], [5.0], 6.0, 1.0, [], "") for fault in FAULTS]
    outcome = Outcome(1000.0, 45.0, 100, outages, [])
    (tmp_path / "latency-faults.json").write_bytes(page.as_json(outages_report.Report(ORIGIN, outcome)))
    text = figures.filled(PAGE, tmp_path)
    assert "ours, sustainable 45,000 events/s" in block(text, "latency")
    assert "| 1,000 | 25.0 |" in block(text, "latency")
    assert "| kill -9 of a worker | 0.20 (0.20) | 4.00 (4.00) | 5.00 (5.00) | 6.00 (6.00) |" in block(
        text, "latency-faults"
    )


def test_a_fault_that_did_harm_takes_all_figures() -> None:
    known = distribution([25_000] * 10)
    outage = Outage("kill -9 of a worker", known, known, [0.2], [5.0], 6.0, 1.0, [], "")
    for changed in ({"problems": ["1 of 5 outputs are missing"]}, {"void": "the driver itself was 3.0 ms late at p99"}):
        outcome = Outcome(1000.0, 45.0, 100, [outage, msgspec.structs.replace(outage, **changed)], [])
        text = outages_report.as_markdown(outages_report.Report(ORIGIN, outcome))
        assert "No figures" in text
        assert "25.0" not in text
