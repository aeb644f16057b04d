"""The page of a latency run."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from bench import page
from bench.latency.judging import VOID_LATE_MS, Distribution
from bench.latency.points import Point

COLUMNS = ("events/s", "p50", "p90", "p99", "p99.9", "max", "from append: p50", "p99", "p99.9", "actions", "cores")
NOTHING = ("",) * (len(COLUMNS) - 2)


class Measured(Struct, frozen=True):
    """One system. `sustainable`: events a second, None where it wasn't looked for; `trial_seconds`: of its search."""

    name: str
    job: str
    sustainable: float | None
    trial_seconds: float
    warm_seconds: float
    customers: int
    ask_every: int
    points: list[Point]


class Report(Struct, frozen=True):
    """Everything that was measured, and on what."""

    origin: page.Origin
    systems: list[Measured]


def as_markdown(report: Report) -> str:
    """As a page. A wrong output, or a driver that was late, has no latency."""
    lines = ["# Latency\n", *page.bullets([*page.notes(report.origin), *_method()])]
    for system in report.systems:
        lines += [f"## {system.name}\n", *page.bullets(_system_notes(system))]
        lines += page.table(COLUMNS, map(cells, system.points))
    return "\n".join(lines)


def wrong(report: Report) -> list[str]:
    """Every wrong output."""
    return [problem for system in report.systems for point in system.points for problem in point.problems]


def _method() -> Iterator[str]:
    yield "milliseconds, HdrHistogram with three digits; the whole of each is in the JSON"
    yield "from when an event was due by the schedule; from append: from the broker's acknowledgement of it"
    yield "until a `read_committed` consumer had the action"
    yield f"a rate is void where the driver itself was more than {VOID_LATE_MS:.0f} ms late at p99"


def _system_notes(system: Measured) -> Iterator[str]:
    right = "" if any(point.problems for point in system.points) else "; all of them right"
    yield f"{system.customers:,} customers, one event in {system.ask_every} leads to an action{right}"
    if system.sustainable is not None:
        yield (
            f"sustainable: {system.sustainable:,.0f} events/s (to a tenth; "
            f"the backlog doesn't grow over {system.trial_seconds:.0f} s)"
        )
    seconds = ", ".join(f"{point.seconds:.0f}" for point in system.points)
    late = [point.driver_late.at(99.0) for point in system.points if point.driver_late]
    yield f"measured seconds of each rate: {seconds}, after {system.warm_seconds:.0f} s of warm-up at the same rate"
    if late:
        yield f"the driver itself, p99: {min(late):.2f} to {max(late):.2f} ms"
    if not all(point.driver_is_quick for point in system.points):
        yield "the driver could not run before others here"


def cells(point: Point) -> Sequence[str]:
    """A row."""
    rate = f"{point.per_second:,.0f}"
    due, append = point.since_due, point.since_append
    if due is None or append is None or point.void:
        return (rate, "; ".join([*point.problems, *filter(None, [point.void])]), *NOTHING)
    cores = f"{point.system_cores:.2f} + {point.broker_cores:.2f}"
    from_append = [milliseconds(append.at(one)) for one in (50.0, 99.0, 99.9)]
    return (rate, *named(due), milliseconds(due.max_ms), *from_append, f"{due.count:,}", cores)


def named(one: Distribution) -> list[str]:
    """The named percentiles."""
    return [milliseconds(value) for value in one.percentiles]


def milliseconds(value: float) -> str:
    """Three digits, as the histogram has."""
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three digits
