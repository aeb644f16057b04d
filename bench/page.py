"""What every result page has: what it was measured on, tables, and the two files that it is kept in."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.demo.commit import commit
from bench import report

OWN_LOAD = 2.0  # what a run itself may leave waiting


class Origin(Struct, frozen=True):
    """What a measurement was done on and with. `loads`: the machine's one-minute load average before and after it."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    commit: str
    loads: tuple[float, float]


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 2)


def origin(load_before: float) -> Origin:
    """This machine and this checkout, at the end of a measurement that began with that load average."""
    return Origin(report.machine(), report.versions(), commit(), (load_before, load_average()))


def notes(one: Origin) -> Iterator[str]:
    """The origin in words, a line each."""
    facts = one.machine
    before, after = one.loads
    busy = ": other work was going on before it began, so everything took longer" if before > OWN_LOAD else ""
    yield f"{facts['cores']} cores of {facts['cpu']}, kernel {facts['kernel']}, Python {facts['python']}"
    yield ", ".join(f"{name} {number}" for name, number in one.versions.items())
    yield f"commit {one.commit}"
    yield f"load average of the machine {before:.1f} before, {after:.1f} at the end{busy}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; all columns but the first are numbers. An empty line follows."""
    yield report.line(columns)
    yield report.line(["---", *["---:"] * (len(columns) - 1)])
    yield from map(report.line, rows)
    yield ""


def bullets(lines: Iterable[str]) -> list[str]:
    """A Markdown list; an empty line follows."""
    return [*(f"- {one}" for one in lines), ""]


def as_json(result: Struct) -> bytes:
    """Everything, as it was measured."""
    return msgspec.json.format(msgspec.json.encode(result)) + b"\n"


def keep(file: Path, page: str, result: Struct) -> None:
    """Write the page, and the JSON beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    file.with_suffix(".json").write_bytes(as_json(result))
