"""The figures as a table, as JSON and as a page."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.core import Core, Row
from bench.pipeline import Run

NO_SPEED = "no speed"
WIDTH_MIN = 120  # the tables, also where no terminal says how wide it is
LIBRARIES = ("aiokafka", "faust-streaming", "msgspec", "redis", "uvloop")
CORE_COLUMNS = ("core, no Kafka", "CPU µs/event", "min-max", "kernels")
TYPE_COLUMNS = ("decide by entry, one at a time", "count", "CPU µs")
RUN_COLUMNS = ("whole pipeline", "CPU µs/event", "min-max", "kernels", "broker", "Redis", "events/s", "MB")
Cells = tuple[str, ...]


class Report(Struct, frozen=True):
    """Everything about one benchmark: what it ran on, with what, and each measurement as it came."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    commit: str
    events: int
    customers: int
    seed: int
    core: Core
    runs: list[Run]


def machine() -> dict[str, str | int]:
    """What the figures depend on; nothing that names the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": len(models),
        "cpu": models[0] if models else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Releases of the libraries that the figures depend on."""
    return {name: version(name) for name in LIBRARIES}


def show(report: Report) -> None:
    """Print the tables."""
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, WIDTH_MIN)
    for columns, rows in _tables(report):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, justify="left" if column == columns[0] else "right", no_wrap=column == columns[0])
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    for line in _notes(report):
        console.print(line, soft_wrap=True)


def as_json(report: Report) -> bytes:
    """The report with every raw row."""
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def as_markdown(report: Report) -> str:
    """The report as a page."""
    parts = ["# Benchmark\n", *(f"- {line}" for line in _notes(report)), ""]
    for columns, rows in _tables(report):
        parts += [line(columns), line(["---", *["---:"] * (len(columns) - 1)]), *map(line, rows), ""]
    return "\n".join(parts)


def line(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _tables(report: Report) -> Iterator[tuple[Cells, list[Cells]]]:
    yield CORE_COLUMNS, [_core_cells(row) for row in report.core.rows]
    yield (
        TYPE_COLUMNS,
        [(kind, f"{count:,}", f"{cpu_us:.1f}") for kind, (count, cpu_us) in report.core.types_us.items()],
    )
    if report.runs:
        yield RUN_COLUMNS, [_run_cells(part, runs) for part, runs in _by_part(report.runs).items()]


def _core_cells(row: Row) -> Cells:
    if row.cpu_us is None:
        return (row.part, NO_SPEED, "; ".join(row.faults), "")
    return (row.part, f"{row.cpu_us:.2f}", f"{min(row.runs_us):.2f}-{max(row.runs_us):.2f}", f"{row.kernels:.1f}")


def _by_part(runs: Iterable[Run]) -> dict[str, list[Run]]:
    parts: dict[str, list[Run]] = {}
    for run in runs:
        parts.setdefault(run.part, []).append(run)
    return parts


def _run_cells(part: str, runs: list[Run]) -> Cells:
    """The medians of the runs of one part; a single wrong one leaves all without a speed."""
    faults = sorted({fault for run in runs for fault in run.faults})
    if faults:
        return (part, NO_SPEED, "; ".join(faults), "", "", "", "", "")
    own = [run.worker_seconds / run.events * 1e6 for run in runs]
    kernels = [cpu_us / run.kernel_us for cpu_us, run in zip(own, runs, strict=True)]
    return (
        part,
        f"{median(own):.1f}",
        f"{min(own):.1f}-{max(own):.1f}",
        f"{median(kernels):.0f}",
        f"{median(run.kafka_seconds / run.events * 1e6 for run in runs):.1f}",
        f"{median(run.redis_seconds / run.events * 1e6 for run in runs):.1f}",
        f"{median(run.events / run.wall_seconds for run in runs):,.0f}",
        f"{median(run.resident_bytes for run in runs) / 1e6:.0f}",
    )


def _notes(report: Report) -> Iterator[str]:
    facts = report.machine
    yield f"{facts['cores']} cores of {facts['cpu']}, kernel {facts['kernel']}, Python {facts['python']}"
    yield ", ".join(f"{name} {number}" for name, number in report.versions.items())
    yield f"commit {report.commit}, {report.events:,} events, {report.customers:,} customers, seed {report.seed}"
    core = report.core
    yield f"state: {core.state_bytes:,.0f} bytes a customer; {core.decisions:,} decisions in the core runs"
