"""What came of a comparison: a page with a table for each job, and JSON with every run as it came."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

import msgspec
from msgspec import Struct

from bench.comparison import FOREIGN_SHARE_MAX, STEAL_SHARE_MAX, Compared, Pair
from bench.peer_run import PeerRun
from bench.ratios import Ratio, ratio
from bench.report import NO_SPEED

WIDTH_MAX = 0.05  # of the interval of a program against itself, either way
COLUMNS = (
    *("program", "class", "events", "CPU µs/event", "kernels", "broker µs", "events/s", "MB", "stop, CPU s"),
    *("pairs", "times the CPU", "95 %", "times, with broker"),
)
Cells = tuple[str, ...]


class Report(Struct, frozen=True):
    """A comparison, on what and with what it was made."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    commit: str
    load: float
    compared: Compared


class Row(Struct):
    """A program on one source.

    Attributes:
        runs: those that count.
        pairs: where it was compared with the reference.
        faults: what was wrong with an output, also where the pair doesn't count.
    """

    contestant: str
    guarantee: str
    events: int
    runs: list[PeerRun] = []
    pairs: list[Pair] = []
    faults: list[str] = []


class Figure(Struct, frozen=True):
    """A program in short: CPU of an event, and how many times that of the reference it is."""

    cpu_us: float
    ratio: float | None


def figures(report: Report, job: str) -> dict[str, Figure]:
    """Every program that did the job on uniform customers: medians of what counts, on the most events."""
    pairs = [pair for pair in report.compared.pairs if (pair.peer.job, pair.peer.skew) == (job, "uniform")]
    found = {}
    for row in sorted(_rows(pairs, report.compared), key=lambda row: row.events):
        if row.runs and not row.faults:
            between = ratio([_ratio_of(pair) for pair in row.pairs if _counts(pair, report.compared)])
            cpu_us = median(run.cpu_us for run in row.runs)
            found[row.contestant] = Figure(cpu_us, None if between is None else between.median)
    return found


def as_json(report: Report) -> bytes:
    """With every run."""
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def as_markdown(report: Report) -> str:
    """As a page."""
    compared = report.compared
    lines = ["# Comparison\n", *(f"- {line}" for line in _notes(report)), ""]
    for title, pairs in _tables(compared.pairs):
        lines += [f"## {title}\n", _line(COLUMNS), _line(["---", "---", *["---:"] * (len(COLUMNS) - 2)])]
        lines += [*(_line(_cells(row, compared)) for row in _rows(pairs, compared)), ""]
    return "\n".join(lines)


def faults(compared: Compared) -> list[str]:
    """Every output that was wrong."""
    return sorted({fault for pair in compared.pairs for fault in pair.faults})


def against_itself(compared: Compared) -> Ratio | None:
    """The reference against itself: what the other ratios can be trusted with."""
    own = [pair for pair in compared.pairs if _is_control(pair) and _counts(pair, compared)]
    return ratio([_ratio_of(pair) for pair in own])


def _is_control(pair: Pair) -> bool:
    return pair.reference is not None and pair.peer.contestant == pair.reference.contestant


def _tables(pairs: Iterable[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(f"{pair.peer.job.upper()}, {pair.peer.skew}", []).append(pair)
    yield from found.items()


def _rows(pairs: Iterable[Pair], compared: Compared) -> list[Row]:
    """The reference first, on each number of events; then each program."""
    rows: dict[tuple[str, int], Row] = {}
    for pair in pairs:
        for run in pair.runs:
            row = rows.setdefault((run.contestant, run.events), Row(run.contestant, run.guarantee, run.events))
            row.faults += run.faults
            row.runs += [run] * _counts(pair, compared)
        rows[pair.peer.contestant, pair.peer.events].pairs += [pair] * (pair.reference is not None)
    return sorted(rows.values(), key=lambda row: row.contestant != compared.wanted.reference)


def _counts(pair: Pair, compared: Compared) -> bool:
    return not pair.faults and (compared.wanted.loaded or not pair.disturbed)


def _ratio_of(pair: Pair, *, broker: bool = False) -> float:
    assert pair.reference is not None  # noqa: S101 - for the type checker: the callers looked
    own, other = (run.cpu_us + run.broker_us * broker for run in (pair.reference, pair.peer))
    return other / own


def _cells(row: Row, compared: Compared) -> Cells:
    named = (row.contestant, row.guarantee, f"{row.events:,}")
    if row.faults or not row.runs:
        why = "; ".join(sorted(set(row.faults))) or "no pair counts"
        return (*named, NO_SPEED, why, *[""] * (len(COLUMNS) - len(named) - 2))
    return (
        *named,
        f"{median(run.cpu_us for run in row.runs):.2f}",
        f"{median(run.cpu_us / run.kernel_us for run in row.runs):.1f}",
        f"{median(run.broker_us for run in row.runs):.2f}",
        f"{median(run.per_second for run in row.runs):,.0f}",
        f"{median(run.resident_bytes for run in row.runs) / 1e6:.0f}",
        f"{median(run.stop_cpu_seconds for run in row.runs):.2f}",
        *_ratios(row, compared),
    )


def _ratios(row: Row, compared: Compared) -> Cells:
    counted = [pair for pair in row.pairs if _counts(pair, compared)]
    alone, together = (ratio([_ratio_of(pair, broker=broker) for pair in counted]) for broker in (False, True))
    if alone is None or together is None:
        return ("", "", "", "")
    interval = "" if alone.low is None or alone.high is None else f"{alone.low:.2f}-{alone.high:.2f}"
    return (f"{alone.pairs} of {len(row.pairs)}", f"{alone.median:.2f}", interval, f"{together.median:.2f}")


def _notes(report: Report) -> Iterator[str]:
    facts, compared = report.machine, report.compared
    pairs, wanted = compared.pairs, compared.wanted
    yield f"{facts['cores']} cores of {facts['cpu']}, kernel {facts['kernel']}, Python {facts['python']}"
    yield ", ".join(f"{name} {number}" for name, number in report.versions.items())
    yield f"commit {report.commit}, {compared.seconds / 60:.0f} minutes, load average before {report.load:.1f}"
    yield "program on one core, broker on another" if wanted.pinned else "program and broker on any core"
    yield f"times the CPU: a program's CPU per event over that of {wanted.reference} in the same pair; median of pairs"
    yield _disturbances(pairs, counted_all_the_same=wanted.loaded)
    yield _control(against_itself(compared), wanted.reference)
    for data in compared.data:
        settings = data.settings
        yield (
            f"data: {settings.events:,} events, {settings.customers:,} customers, {settings.skew}, "
            f"{settings.cards} cards a customer, seed {settings.seed}, {data.value_bytes:.0f} bytes an event, "
            f"SHA-256 {data.data_sha256}"
        )


def _disturbances(pairs: Sequence[Pair], *, counted_all_the_same: bool) -> str:
    disturbed = sum(bool(pair.disturbed) for pair in pairs)
    limits = f"steal above {STEAL_SHARE_MAX:.0%} or others' load above {FOREIGN_SHARE_MAX:.0%} of the machine"
    what = "**counted all the same: rough figures only**" if disturbed and counted_all_the_same else "not counted"
    return f"{disturbed} of {len(pairs)} pairs met {limits}; {what}"


def _control(control: Ratio | None, reference: str) -> str:
    if control is None or control.low is None or control.high is None:
        return f"{reference} against itself: too few pairs to say what the ratios can be trusted with"
    verdict = "as it should be" if sound(control) else "**the ratios can't be trusted**"
    return (
        f"{reference} against itself: {control.median:.3f}, {control.low:.3f}-{control.high:.3f} "
        f"in {control.pairs} pairs; {verdict}"
    )


def sound(control: Ratio) -> bool:
    """Whether a program against itself gives 1, within five per cent."""
    return control.holds_one and control.width is not None and control.width <= WIDTH_MAX


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
