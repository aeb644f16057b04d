"""The figures of a recovery run: a page and JSON, with where the time went."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from statistics import median

from msgspec import Struct

from bench import page
from bench.recovery import EVENTS_PER_SECOND, Fault, Outcome

KINDS = {"kill": "kill -9", "restart": "SIGTERM, started again"}
STEPS: dict[str, Callable[[Fault], float | None]] = {
    "the other worker drains: a rebalance begins": lambda fault: _first(fault, "drained", own=False),
    "the other worker has its partitions, fenced": lambda fault: _first(fault, "partitions_assigned", own=False),
    "the other worker reads again": lambda fault: _first(fault, "ready", own=False),
    "the new process answers probes": lambda fault: _first(fault, "serving", own=True),
    "the new process has its partitions, fenced": lambda fault: _first(fault, "partitions_assigned", own=True),
    "the new process reads: states are there": lambda fault: _first(fault, "ready", own=True),
    "longest drain": lambda fault: _longest(fault, "drained"),
    "longest fencing": lambda fault: _longest(fault, "partitions_assigned"),
}


class Report(Struct, frozen=True):
    """What a recovery run was done on, with what, and each fault as it came."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    commit: str
    outcome: Outcome


def _first(fault: Fault, event: str, *, own: bool) -> float | None:
    found = (one.at_seconds for one in fault.log if one.event == event and (one.worker == fault.worker) is own)
    return next(found, None)


def _longest(fault: Fault, event: str) -> float | None:
    return max((one.seconds for one in fault.log if one.event == event and one.seconds is not None), default=None)


def as_markdown(report: Report) -> str:
    """As a page; without figures where the oracle found something wrong."""
    lines = ["# Recovery\n", *page.bullets(_notes(report))]
    if report.outcome.problems:
        return "\n".join(
            [*lines, "No figures: the outcome was wrong.\n", *(f"- {one}" for one in report.outcome.problems)]
        )
    for kind, title in KINDS.items():
        faults = [fault for fault in report.outcome.faults if fault.kind == kind]
        if faults:
            lines += _table(f"{title}, {len(faults)} times", _figures(faults))
    return "\n".join(lines)


def _notes(report: Report) -> Iterator[str]:
    facts, outcome = report.machine, report.outcome
    loads = [fault.load for fault in outcome.faults]
    replayed = sum(fault.replayed for fault in outcome.faults)
    codes = sorted({fault.exit_code for fault in outcome.faults if fault.exit_code is not None})
    yield f"{facts['cores']} cores of {facts['cpu']}, kernel {facts['kernel']}, Python {facts['python']}"
    yield ", ".join(f"{name} {number}" for name, number in report.versions.items())
    yield f"commit {report.commit}, {outcome.customers:,} customers of {outcome.state_bytes:,.0f} bytes"
    yield f"two supervised workers, {EVENTS_PER_SECOND} card transactions a second"
    busy = (
        ": busy with other work, everything took longer" if max(loads) > float(facts["cores"]) + page.OWN_LOAD else ""
    )
    yield f"load average of the machine {min(loads):.1f} to {max(loads):.1f}{busy}"
    yield f"exit codes after SIGTERM: {codes}; journal entries replayed: {replayed}"


def _figures(faults: Sequence[Fault]) -> Iterator[tuple[str, list[float]]]:
    yield "every partition ready again", [fault.ready_seconds for fault in faults]
    yield "longest time without a decision, worst partition", [max(fault.gaps_seconds) for fault in faults]
    yield "the same, best partition", [min(fault.gaps_seconds) for fault in faults]
    for name, step in STEPS.items():
        values = [value for fault in faults if (value := step(fault)) is not None]
        if values:
            yield name, values


def _table(title: str, rows: Iterator[tuple[str, list[float]]]) -> Iterator[str]:
    columns = (f"{title}, seconds", "p50", "p95", "max")
    return page.table(
        columns, ((name, *map(_seconds, (median(some), quantile(some, 0.95), max(some)))) for name, some in rows)
    )


def _seconds(value: float) -> str:
    return f"{value:.2f}"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them doesn't exceed (nearest rank)."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
