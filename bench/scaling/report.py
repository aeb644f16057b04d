"""The page of a scaling run."""

from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct

from bench import page
from bench.core import Row
from bench.pipeline import Run
from bench.report import NO_SPEED
from bench.scaling.growth import Growth
from bench.scaling.recovered import Recovered

WORKER_COLUMNS = ("workers", "events/s", "CPU µs/event", "kernels", "broker CPU µs/event", "events/s of all runs")
SIZE_COLUMNS = ("customers", "CPU µs/event", "min-max", "kernels", "states written/event", "MB")
TRIGGER_COLUMNS = ("triggers on", "CPU µs/event", "min-max", "kernels")
RECOVERY_COLUMNS = (
    *("customers", "records", "MB of states", "first commit, s", "all partitions, s"),
    *("assigned, s", "read, s", "worker CPU, s", "worker MB"),
)
MB = 1e6


class Report(Struct, frozen=True):
    """Everything that was measured, and on what; a part that wasn't asked for is empty.

    States were `in_files` instead of memory where there are many customers: in `growth` and `recovered`.
    """

    origin: page.Origin
    workers: list[Run]
    growth: Growth | None
    triggers: list[Row]
    recovered: list[Recovered]
    in_files: bool = False


def wrong(report: Report) -> list[str]:
    """Every wrong output."""
    return [fault for part in (report.workers, report.triggers) for one in part for fault in one.faults]


def as_markdown(report: Report) -> str:
    """As a page."""
    lines = [f"# Scaling{_where(report)}\n", *page.bullets(page.notes(report.origin))]
    return "\n".join([*lines, *tables(report)])


def tables(report: Report) -> Iterator[str]:
    """Each part that was measured, with its notes."""
    if report.workers:
        yield from ["### Workers\n", *page.bullets(_worker_notes(report.workers))]
        yield from page.table(WORKER_COLUMNS, _worker_rows(report.workers))
    if report.growth is not None:
        yield from [
            f"### Customers{_where(report)}\n",
            *page.bullets(_growth_notes(report.growth, in_files=report.in_files)),
        ]
        yield from page.table(SIZE_COLUMNS, _size_rows(report.growth))
    if report.growth is not None and not report.in_files:
        yield from page.table(("part of a state", "bytes"), _part_rows(report.growth))
    if report.triggers:
        yield "### Triggers\n"
        yield from page.table(TRIGGER_COLUMNS, map(_trigger_row, report.triggers))
    if report.recovered:
        yield from [f"### Recovery{_where(report)}\n", *page.bullets(_recovery_notes(report.recovered))]
        yield from page.table(RECOVERY_COLUMNS, map(_recovery_row, report.recovered))


def _where(report: Report) -> str:
    return ", states in files" if report.in_files else ""


def _worker_notes(runs: Sequence[Run]) -> Iterator[str]:
    yield f"whole pipeline, topics loaded before, {runs[0].events:,} events, views off; medians"
    yield "all workers and the broker share this machine's cores"


def _worker_rows(runs: Sequence[Run]) -> Iterator[Sequence[str]]:
    for count in sorted({run.workers for run in runs}):
        some = [run for run in runs if run.workers == count]
        if faults := sorted({fault for run in some for fault in run.faults}):
            yield (str(count), NO_SPEED, "; ".join(faults), "", "", "")
            continue
        own = [run.worker_seconds / run.events * 1e6 for run in some]
        rates = [run.events / run.wall_seconds for run in some]
        yield (
            str(count),
            f"{median(rates):,.0f}",
            f"{median(own):.1f}",
            f"{median(one / run.kernel_us for one, run in zip(own, some, strict=True)):.0f}",
            f"{median(run.kafka_seconds / run.events * 1e6 for run in some):.1f}",
            ", ".join(f"{rate:,.0f}" for rate in rates),
        )


def _growth_notes(growth: Growth, *, in_files: bool) -> Iterator[str]:
    yield "decide alone, no Kafka; the same events at every size, only of other customers; sizes in turn, medians"
    yield (
        f"each customer's state is of {growth.triggers_min} triggers or more: {growth.state_bytes:,.0f} bytes in the "
        f"mean; that of a generated customer is {growth.generated_bytes:,.0f}"
    )
    if (customer_bytes := growth.customer_bytes) is not None:
        beside = f", {customer_bytes - growth.state_bytes:,.0f} of them beside the state"
        yield f"memory: {customer_bytes:,.0f} bytes for one more customer{'' if in_files else beside}"
    yield "few customers have several events in a batch: their state is written once, which makes them cheaper"
    yield f"an event costs {growth.flatness:.0%} more at the dearest size than at the cheapest (by kernels)"


def _size_rows(growth: Growth) -> Iterator[Sequence[str]]:
    for size in growth.sizes:
        known = [one.cpu_us for one in size.rounds]
        yield (
            f"{size.customers:,}",
            f"{size.cpu_us:.2f}",
            f"{min(known):.2f}-{max(known):.2f}",
            f"{size.kernels:.1f}",
            f"{median(one.written for one in size.rounds):.2f}",
            f"{size.loaded.resident_after / MB:,.0f}",
        )


def _part_rows(growth: Growth) -> Iterator[Sequence[str]]:
    return ((name, f"{size:,.0f}") for name, size in growth.parts.items())


def _trigger_row(row: Row) -> Sequence[str]:
    if row.cpu_us is None:
        return (row.part, NO_SPEED, "; ".join(row.faults), "")
    return (row.part, f"{row.cpu_us:.2f}", f"{min(row.runs_us):.2f}-{max(row.runs_us):.2f}", f"{row.kernels:.1f}")


def _recovery_notes(some: Sequence[Recovered]) -> Iterator[str]:
    yield "one worker, all partitions; from the start of its process until a reader saw the first committed batch"
    yield "nobody compacted the changelog: records overwritten by later ones are read as well"
    yield "assigned: partitions held and old owners fenced; read: states recovered; both as the worker logged it"
    yield f"load average during the starts {min(one.load for one in some):.1f} to {max(one.load for one in some):.1f}"
    if memory := _worker_bytes(some):
        yield f"memory of the worker: {memory:,.0f} bytes for one more customer"


def _worker_bytes(some: Sequence[Recovered]) -> float | None:
    least, most = (pick(some, key=lambda one: one.customers) for pick in (min, max))
    if least.customers == most.customers:
        return None
    return (most.resident_bytes - least.resident_bytes) / (most.customers - least.customers)


def _recovery_row(one: Recovered) -> Sequence[str]:
    return (
        f"{one.customers:,}",
        f"{one.records:,}",
        f"{one.changelog_bytes / MB:,.0f}",
        f"{one.first_seconds:.1f}",
        f"{one.all_seconds:.1f}",
        f"{one.told_seconds.get('partitions_assigned', 0.0):.1f}",
        f"{one.told_seconds.get('ready', 0.0):.1f}",
        f"{one.worker_cpu_seconds:.1f}",
        f"{one.resident_bytes / MB:,.0f}",
    )
