"""The figures in docs/performance.md: taken from the result files, so that the page says what was measured.

A block stands between `<!-- figures: NAME -->` and `<!-- end of figures -->`. One whose result isn't there yet says so.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
from msgspec import Struct

from bench import page, targets
from bench.comparison_report import Report as Comparison
from bench.latency import outages_report
from bench.latency import report as latency_report
from bench.pipeline import Run
from bench.scaling import report as scaling_report

PAGE = Path("docs/performance.md")
RESULTS = Path("docs/results")
BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end of figures -->\n)", re.DOTALL)
MILLION = 1_000_000
HUNDRED = 100
Result = TypeVar("Result", bound=Struct)
COMMANDS = {
    "latency": "python -m bench latency --rate 200 --rate 1000 --rate 5000 --save",
    "latency-shares": "python -m bench latency --save",
    "latency-one-stage": 'python -m bench latency --program ours --program "Kafka Streams, RocksDB, 100 ms" --save',
    "latency-faults": "python -m bench latency-faults --save",
    "scaling": "python -m bench scale --save",
    "scaling-in-files": "python -m bench scale --in-files --part customers --part recovery --save",
}


def filled(text: str, results: Path = RESULTS) -> str:
    """The page with every block made anew.

    Raises:
        KeyError: there is no such block.
    """
    return BLOCK.sub(lambda found: found[1] + "\n".join(BLOCKS[found[2]](results)) + "\n" + found[3], text)


def figures() -> None:
    """Write the figures of docs/performance.md from the result files."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _latency(results: Path, name: str) -> Iterator[str]:
    known = _read(results, name, latency_report.Report)
    if known is None:
        yield from _missing(name)
        return
    yield from _from(known.origin, name)
    for system in known.systems:
        sustainable = f", sustainable {system.sustainable:,.0f} events/s" if system.sustainable else ""
        yield f"{system.name}{sustainable}:\n"
        yield from page.table(latency_report.COLUMNS, map(latency_report.cells, system.points))


def _faults(results: Path) -> Iterator[str]:
    known = _read(results, "latency-faults", outages_report.Report)
    if known is None:
        yield from _missing("latency-faults")
        return
    yield from _from(known.origin, "latency-faults")
    yield from outages_report.tables(known.outcome)


def _scaling(results: Path, name: str) -> Iterator[str]:
    known = _read(results, name, scaling_report.Report)
    if known is None:
        yield from _missing(name)
        return
    yield from _from(known.origin, name)
    yield from scaling_report.tables(known)


def _sizing(results: Path) -> Iterator[str]:
    """What to multiply with."""
    known = _read(results, "scaling", scaling_report.Report)
    if known is None:
        yield from _missing("scaling")
        return
    yield from _from(known.origin, "scaling")
    yield from page.table(("for", "take"), _sizes(known))


def _sizes(known: scaling_report.Report) -> Iterator[tuple[str, str]]:
    if known.workers:
        own, broker = _cpu_us(known.workers)
        yield "an event", f"{own:.1f} µs of a worker's core, {broker:.1f} µs of the broker's"
        yield "a core of workers", f"{MILLION / own:,.0f} events/s, and {broker / own:.2f} cores of brokers beside it"
    if known.growth is not None and known.growth.customer_bytes is not None:
        gigabytes = known.growth.customer_bytes * MILLION / 1e9
        yield f"a million customers, {known.growth.triggers_min} triggers each", f"{gigabytes:.1f} GB over all workers"
    starts = [one for one in known.recovered if one.customers]
    if starts:
        took = max(one.all_seconds for one in starts)
        yield f"a start with {starts[0].customers:,} customers", f"{took:.0f} s to the first commit of all partitions"


def _targets(results: Path) -> Iterator[str]:
    """What is reached, by whatever was measured last."""
    known = targets.Results(
        peers=_read(results, "peers-full", Comparison) or _read(results, "peers-quick", Comparison),
        scaling=_read(results, "scaling", scaling_report.Report),
        scaling_in_files=_read(results, "scaling-in-files", scaling_report.Report),
        latency=_read(results, "latency", latency_report.Report),
        one_stage=_read(results, "latency-one-stage", latency_report.Report),
    )
    yield from page.table(targets.COLUMNS, targets.rows(known))


def _hundredfold(results: Path) -> Iterator[str]:
    """A hundred times what two workers did here."""
    known = _read(results, "scaling", scaling_report.Report)
    two = [run for run in known.workers if run.workers == 2 and not run.faults] if known else []  # noqa: PLR2004 - two
    if known is None or not two:
        yield from _missing("scaling")
        return
    own, broker = _cpu_us(two)
    rate = HUNDRED * median(run.events / run.wall_seconds for run in two)
    cores, broker_cores = rate * own / MILLION, rate * broker / MILLION
    yield f"A hundred times what two workers did on this machine is {rate:,.0f} events a second:\n"
    rows = [("worker processes, a core each", f"{cores:,.0f}"), ("cores of brokers", f"{broker_cores:,.0f}")]
    rows.append(("partitions, two for each process", f"{2 * cores:,.0f}"))
    if known.growth is not None and known.growth.customer_bytes is not None:
        each = known.growth.customer_bytes * HUNDRED * MILLION / cores / 1e9
        rows.append((f"memory of a process, {HUNDRED} million customers in all", f"{each:.1f} GB"))
    yield from page.table(("needed", "by calculation"), rows)


def _cpu_us(runs: list[Run]) -> tuple[float, float]:
    """Of a worker and of the broker, for one event; medians."""
    own = median(run.worker_seconds / run.events * 1e6 for run in runs)
    return own, median(run.kafka_seconds / run.events * 1e6 for run in runs)


def _read(results: Path, name: str, kind: type[Result]) -> Result | None:
    file = results / f"{name}.json"
    return msgspec.json.decode(file.read_bytes(), type=kind) if file.exists() else None


def _missing(name: str) -> Iterator[str]:
    yield f"Not measured yet: `{COMMANDS[name]}`.\n"


def _from(origin: page.Origin, name: str) -> Iterator[str]:
    facts = origin.machine
    where = f"{facts['cores']} cores of {facts['cpu']}"
    yield f"From [results/{name}.md](results/{name}.md): {where}, commit {origin.commit}.\n"


BLOCKS: dict[str, Callable[[Path], Iterator[str]]] = {
    "targets": _targets,
    "latency": lambda results: _latency(results, "latency"),
    "latency-one-stage": lambda results: _latency(results, "latency-one-stage"),
    "latency-shares": lambda results: _latency(results, "latency-shares"),
    "latency-faults": _faults,
    "scaling": lambda results: _scaling(results, "scaling"),
    "scaling-in-files": lambda results: _scaling(results, "scaling-in-files"),
    "sizing": _sizing,
    "hundredfold": _hundredfold,
}
