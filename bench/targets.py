"""The targets beside what the result files say: what is reached and what isn't. What isn't measured yet is left out."""

from collections.abc import Iterator
from statistics import median

from msgspec import Struct

from bench import comparison_report
from bench.latency import report as latency_report
from bench.scaling import report as scaling_report

COLUMNS = ("what", "target", "measured", "")
STAGE_US_MAX, DECIDE_US_MAX, PIPELINE_US_MAX = 8, 15, 25
TIMES_MIN = {"plain Faust": 50, "Quix": 6, "Bytewax": 8, "Kafka Streams": 3}  # by how a program's name begins
PER_SECOND_MIN, WORKERS = 50_000, 2
RATE, MS_MAX = 5_000.0, {50.0: 60, 99.0: 200, 99.9: 300}  # by percentile
CUSTOMERS, START_SECONDS_MAX, CUSTOMER_BYTES_MAX, APART_PERCENT_MAX = 1_000_000, 15, 1_500, 15
Cells = tuple[str, str, str, str]


class Results(Struct):
    """What was measured; None: not yet."""

    peers: comparison_report.Report | None
    scaling: scaling_report.Report | None
    scaling_in_files: scaling_report.Report | None
    latency: latency_report.Report | None
    one_stage: latency_report.Report | None


class Target(Struct):
    """One of them, and what was measured."""

    what: str
    limit: float
    unit: str
    measured: float
    is_least: bool = False

    def cells(self) -> Cells:
        """As a row."""
        is_reached = self.measured >= self.limit if self.is_least else self.measured <= self.limit
        digits = 1 if self.measured < 10 * self.limit and self.limit < 100 else 0  # noqa: PLR2004 - of what is small
        return (
            self.what,
            f"{'>=' if self.is_least else '<='} {self.limit:,} {self.unit}",
            f"{self.measured:,.{digits}f} {self.unit}",
            "reached" if is_reached else "**not reached**",
        )


def rows(results: Results) -> Iterator[Cells]:
    """Each target that was measured."""
    for one in _targets(results):
        yield one.cells()
    if results.one_stage is not None:
        yield from _one_stage(results.one_stage)


def _targets(results: Results) -> Iterator[Target]:
    if results.peers is not None:
        yield from _peers(results.peers)
    if results.scaling is not None:
        yield from _pipeline(results.scaling)
        yield from _states(results.scaling)
    if results.scaling_in_files is not None:
        yield from _in_files(results.scaling_in_files)
    if results.latency is not None:
        yield from _latency(results.latency)


def _peers(report: comparison_report.Report) -> Iterator[Target]:
    found = comparison_report.figures(report, "j1")
    own = found[report.compared.wanted.reference]
    yield Target("J1, one stage, exactly once: CPU of an event", STAGE_US_MAX, "µs", own.cpu_us)
    for name, least in TIMES_MIN.items():
        ratios = [one.ratio for program, one in found.items() if program.startswith(name) and one.ratio is not None]
        if ratios:
            what = f"J1: CPU of {name}{', best setting' if len(ratios) > 1 else ''}"
            yield Target(what, least, "times ours", min(ratios), is_least=True)


def _pipeline(report: scaling_report.Report) -> Iterator[Target]:
    if report.triggers and (decide_us := report.triggers[-1].cpu_us) is not None:
        yield Target(f"{report.triggers[-1].part}: CPU of an event", DECIDE_US_MAX, "µs", decide_us)
    runs = [run for run in report.workers if run.workers == WORKERS and not run.faults]
    if runs:
        own_us = median(run.worker_seconds / run.events * 1e6 for run in runs)
        yield Target("whole pipeline: CPU of an event", PIPELINE_US_MAX, "µs", own_us)
        per_second = median(run.events / run.wall_seconds for run in runs)
        what = "whole pipeline, two workers and the broker on two cores"
        yield Target(what, PER_SECOND_MIN, "events/s", per_second, is_least=True)


def _states(report: scaling_report.Report) -> Iterator[Target]:
    starts = [one.first_seconds for one in report.recovered if one.customers == CUSTOMERS]
    if starts:
        what = f"start with {CUSTOMERS:,} customers, first commit, slowest of {len(starts)}"
        yield Target(what, START_SECONDS_MAX, "s", max(starts))
    growth = report.growth
    if growth is not None and growth.customer_bytes is not None:
        what = f"memory of a customer, {growth.triggers_min} triggers or more"
        yield Target(what, CUSTOMER_BYTES_MAX, "bytes", growth.customer_bytes)
        least, most = (growth.sizes[index].customers for index in (0, -1))
        what = f"CPU of an event with {least:,} to {most:,} customers: dearest over cheapest"
        yield Target(what, APART_PERCENT_MAX, "%", 100 * growth.flatness)


def _in_files(report: scaling_report.Report) -> Iterator[Target]:
    """What an operator may choose instead, beside the target that the choice is about."""
    if report.growth is not None and report.growth.customer_bytes is not None:
        what = f"memory of a customer, {report.growth.triggers_min} triggers or more, states in files"
        yield Target(what, CUSTOMER_BYTES_MAX, "bytes", report.growth.customer_bytes)


def _latency(report: latency_report.Report) -> Iterator[Target]:
    for point in report.systems[0].points:
        if point.per_second == RATE and point.since_append is not None and not point.problems:
            for percentile, most_ms in MS_MAX.items():
                what = f"whole pipeline at {RATE:,.0f} events/s: source append to action, p{percentile:g}"
                yield Target(what, most_ms, "ms", point.since_append.at(percentile))


def _one_stage(report: latency_report.Report) -> Iterator[Cells]:
    """Ours came first, the other one second."""
    ours, other = (
        {point.per_second: point.since_due for point in system.points if point.since_due is not None}
        for system in report.systems[:2]
    )
    for rate in sorted(ours.keys() & other.keys()):
        for percentile in (50.0, 99.0):
            own_ms, its_ms = ours[rate].at(percentile), other[rate].at(percentile)
            what = f"one stage at {rate:,.0f} events/s, p{percentile:g}, beside {report.systems[1].name}"
            verdict = "reached" if own_ms < its_ms else "**not reached**"
            yield what, "less", f"{own_ms:,.1f} against {its_ms:,.1f} ms", verdict
