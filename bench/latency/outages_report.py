"""The page of latencies across faults."""

from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct

from bench import page
from bench.latency.judging import Distribution, merged
from bench.latency.outages import CALM_SECONDS, FAULTS, Outage, Outcome
from bench.latency.report import milliseconds, named

LATENCY_COLUMNS = ("milliseconds", "runs", "p50", "p90", "p99", "p99.9", "max", "actions")
TIME_COLUMNS = ("seconds from the fault, median (worst)", "first action", "worst partition", "standstill", "drained")


class Report(Struct, frozen=True):
    """Everything that was measured, and on what."""

    origin: page.Origin
    outcome: Outcome


def as_markdown(report: Report) -> str:
    """As a page; without figures where an action or the oracle's state was wrong."""
    lines = ["# Latency across faults\n", *page.bullets([*page.notes(report.origin), *_notes(report.outcome)])]
    if found := wrong(report):
        return "\n".join([*lines, "No figures: the outcome was wrong.\n", *page.bullets(found)])
    return "\n".join([*lines, *tables(report.outcome)])


def tables(outcome: Outcome) -> Iterator[str]:
    """Latencies, then times."""
    by_fault = {fault: [one for one in outcome.outages if one.fault == fault] for fault in FAULTS}
    calm = [one.calm for one in outcome.outages if one.calm is not None]
    rows = [_latencies("before the faults", calm, len(calm))]
    rows += [
        _latencies(fault, [one.since_due for one in some if one.since_due], len(some))
        for fault, some in by_fault.items()
    ]
    yield from page.table(LATENCY_COLUMNS, rows)
    yield from page.table(TIME_COLUMNS, [_times(fault, some) for fault, some in by_fault.items()])


def wrong(report: Report) -> list[str]:
    """Everything that was wrong, or void."""
    of_faults = [f"{one.fault}: {text}" for one in report.outcome.outages for text in (*one.problems, one.void) if text]
    return of_faults + report.outcome.problems


def _notes(outcome: Outcome) -> Iterator[str]:
    yield f"{outcome.per_second:,.0f} events/s, two supervised workers, {outcome.customers:,} customers"
    yield f"a run takes {outcome.seconds:.0f} s, the fault after {CALM_SECONDS:.0f} s; all of it is in the histogram"
    yield "from when an event was due by the schedule until a `read_committed` consumer had its action"
    yield "first action: of an event due after the fault, in the first partition and in the last"
    yield "standstill: the longest time without an action in one partition"
    yield "drained: until no action took more than twice as long as the slowest before the fault"
    yield "every action came exactly once; decisions and states are the oracle's"


def _latencies(name: str, some: Sequence[Distribution], runs: int) -> Sequence[str]:
    known = merged(some)
    if known is None:
        return (name, str(runs), *[""] * (len(LATENCY_COLUMNS) - 2))
    return (name, str(runs), *named(known), milliseconds(known.max_ms), f"{known.count:,}")


def _times(fault: str, some: Sequence[Outage]) -> Sequence[str]:
    def shown(values: Sequence[float]) -> str:
        return f"{median(values):.2f} ({max(values):.2f})" if values else ""

    return (
        fault,
        shown([min(one.first_seconds) for one in some if one.first_seconds]),
        shown([max(one.first_seconds) for one in some if one.first_seconds]),
        shown([max(one.standstill_seconds) for one in some if one.standstill_seconds]),
        shown([one.drained_seconds for one in some]),
    )
