"""What came of a run: a table by row of the fault matrix, as JSON, and as a page."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import quantiles

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from faults.group import Result
from faults.inject import Done
from faults.schedule import Length

WIDTH_MIN = 140
ENDED_BY = {"killed": "F-01", "crash point": "F-02", "burst": "F-03", "told to stop": "F-13", "answer lost": "F-11"}
ROWS = {
    "F-01": "worker kill -9",
    "F-02": "crash point",
    "F-03": "30 kills in a burst",
    "F-04": "worker frozen past its session",
    "F-05": "broker kill -9",
    "F-06": "broker away for long",
    "F-08": "Redis killed, emptied",
    "F-09": "Redis frozen, full",
    "F-10": "network cut, reset, silent, slow",
    "F-11": "answer of a transaction lost",
    "F-12": "workers join and leave",
    "F-13": "SIGTERM under load",
    "F-14": "disk full",
    "F-15": "few files, little memory",
    "F-16": "unreadable records",
    "F-17": "trigger raises",
    "F-18": "oversize in, refused out",
    "F-19": "changelog damaged",
    "F-20": "records gone unread; no offsets",
    "F-21": "clock skew",
    "F-22": "late and repeated events",
    "F-24": "half of all events on one customer",
    "F-25": "backlog",
    "F-28": "customer forgotten",
    "F-32": "source grows",
}
BY_LOAD = ("F-16", "F-17", "F-18", "F-20", "F-22", "F-24")  # in every group's load, checked at its end
WAITING = {
    "F-07": "three brokers",
    "F-23, F-30": "two versions of an event, of the worker: there is only one yet",
    "F-26, F-31": "due times, soak: with the load tests",
    "F-27": "without faults: tests/core/test_config_files.py, live: tests/integration/test_config_apply.py",
    "F-29": "without faults: tests/integration/test_secured.py",
}


class Verdict(Struct, frozen=True):
    """Counts of what must be none."""

    lost: int
    doubled: int
    wrong: int


class Report(Struct, frozen=True):
    """A whole run."""

    length: Length
    seed: int
    machine: dict[str, str | int]
    versions: dict[str, str]
    commit: str
    seconds: float
    results: list[Result]
    missing: list[str]

    @property
    def problems(self) -> list[str]:
        """Everything that was wrong, the groups' names before it."""
        return [f"{one.name}: {problem}" for one in self.results for problem in one.problems] + self.missing


def verdict(problems: Iterable[str]) -> Verdict:
    """Sort problems, as `agents.verify` words them."""
    lost = doubled = wrong = 0
    for one in problems:
        if one.startswith("lost:") or "never decided" in one:
            lost += 1
        elif one.startswith(("taken in", "published twice")):
            doubled += 1
        else:
            wrong += 1
    return Verdict(lost, doubled, wrong)


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and maximum; of one or none: that one, or 0."""
    if len(seconds) < 2:  # noqa: PLR2004 - quantiles need two
        only = seconds[0] if seconds else 0.0
        return only, only, only
    cuts = quantiles(seconds, n=20, method="inclusive")
    return cuts[9], cuts[18], max(seconds)


def too_few(results: Sequence[Result], least: dict[str, int]) -> list[str]:
    """Rows of which fewer faults than that hit while records were in flight: the run then shows nothing."""
    done = faults(results)
    hits = Counter(one.row for one in done if one.in_flight)
    skipped = {one.row for one in done if one.skipped}  # told in its place of the table
    return [
        f"I0: {row} hit {hits[row]} times, at least {count} are wanted"
        for row, count in least.items()
        if hits[row] < count and row not in skipped
    ]


def faults(results: Iterable[Result]) -> list[Done]:
    """All faults of all groups."""
    return [done for one in results for done in one.done]


def show(report: Report) -> None:
    """Print the table and the notes."""
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, WIDTH_MIN)
    columns, rows = _table(report)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < 2 else "right", no_wrap=True)  # noqa: PLR2004 - two texts
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()
    for line in notes(report):
        console.print(line, soft_wrap=True)


def as_json(report: Report) -> bytes:
    """Everything, each single fault too."""
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def as_markdown(report: Report) -> str:
    """The report as a page."""
    columns, rows = _table(report)
    lines = [f"# Faults, {report.length} run\n", *(f"- {line}" for line in notes(report)), ""]
    lines += [_line(columns), _line(["---", "---", *["---:"] * (len(columns) - 2)]), *map(_line, rows), ""]
    lines += ["Rows of the fault matrix that wait:", "", *(f"- {row}: {why}" for row, why in WAITING.items()), ""]
    return "\n".join(lines)


def notes(report: Report) -> Iterator[str]:
    """What the run was, and what it found."""
    facts, results = report.machine, report.results
    found = verdict([*(problem for one in results for problem in one.problems), *report.missing])
    yield f"{found.lost} lost, {found.doubled} doubled, {found.wrong} wrong"
    yield from report.problems[:20]
    sent, seconds = sum(one.sent for one in results), max((one.seconds for one in results), default=0.0)
    letters, decisions = (sum(getattr(one, name) for one in results) for name in ("dead_letters", "decisions"))
    yield f"{sent:,} records sent, {sent / max(seconds, 1):,.0f} a second"
    yield f"{letters:,} dead letters, {decisions:,} decisions"
    ends = Counter(ending.told or "by itself" for one in results for ending in one.endings)
    yield f"workers ended: {', '.join(f'{told} {count}' for told, count in ends.most_common())}"
    exits = Counter(str(ending.code) for one in results for ending in one.endings)
    yield f"exit codes of workers: {', '.join(f'{code} x {count}' for code, count in sorted(exits.items()))}"
    yield f"largest worker, MB: {', '.join(f'{one.name} {one.resident_bytes_max / 1e6:.0f}' for one in results)}"
    yield f"seed {report.seed}, {report.seconds:.0f} s in all, commit {report.commit}"
    yield f"{facts['cores']} cores of {facts['cpu']}, kernel {facts['kernel']}, Python {facts['python']}"
    yield ", ".join(f"{name} {number}" for name, number in report.versions.items())


def _table(report: Report) -> tuple[list[str], list[list[str]]]:
    columns = ["row", "fault", "times", "hit in flight", "ready p50", "p95", "max s", "moves on s", "result"]
    return columns, [*_injected(report), *_by_load(report)]


def _injected(report: Report) -> Iterator[list[str]]:
    wrong_rows = {problem.split()[1] for problem in report.problems if problem.split()[1:2]}
    whole = "ok" if not report.problems else "see above"
    recovered = _recoveries(report.results)
    done = faults(report.results)
    for row in sorted({one.row for one in done}):
        own = [one for one in done if one.row == row]
        ready = [f"{value:.1f}" for value in percentiles(recovered[row])] if recovered.get(row) else ["", "", ""]
        hits = sum(bool(one.in_flight) and not one.skipped for one in own)
        moved = f"{max(one.seconds for one in own):.1f}"
        skipped = next((f"skipped: {one.skipped}" for one in own if one.skipped), "")
        yield [
            row,
            ROWS[row],
            str(sum(one.times for one in own)),
            f"{hits}/{len(own)}",
            *ready,
            moved,
            skipped or ("failed" if row in wrong_rows else whole),
        ]


def _by_load(report: Report) -> Iterator[list[str]]:
    for row in BY_LOAD:
        yield [row, ROWS[row], "load", "", "", "", "", "", "ok" if not report.problems else "see above"]


def _recoveries(results: Iterable[Result]) -> dict[str, list[float]]:
    """From a worker's end to the readiness of the next one, without our own pause, by the row of its end."""
    found: dict[str, list[float]] = {}
    for one in results:
        for recovery in one.recoveries:
            row = ENDED_BY.get(recovery.told)
            if row:
                found.setdefault(row, []).append(recovery.seconds - recovery.pause_seconds)
    return found


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
