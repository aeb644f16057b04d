"""What a backtest of millions of entries takes: generated journal, shipped rules against changed ones, one run."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml
from cyclopts import Parameter
from msgspec import Struct
from msgspec.structs import replace

from agents import config_files, journal_lines, settings
from agents.backtest.result import Result
from agents.config_files import POLICY_FILE, TRIGGERS_FILE
from agents.demo.generator import generate
from agents.demo.scoring import by_arrival
from agents.demo.send import partition_of
from agents.demo.timeline import HOUR_MS
from bench import page
from bench.page import Origin
from streams import config, topics
from streams.journal import ConfigVersion, Entry, EventEntry, Source, Tick
from streams.partition import JournalRecord

RESULT = Path("docs/results/backtest.md")
BELLWETHER = str(Path(sys.executable).with_name("bellwether"))
TRIED: dict[str, dict[str, Any]] = {
    "card_testing": {"window": "PT2H", "small_minor_max": 2500, "usual_times_min": 3},
    "balance_drop": {"share_percent_min": 85},
    "negative_feedback": {"score_max": 5},
    "never_used": {"unused_for": "P30D"},
    "win_back": {"wait": "P21D"},
}


class Report(Struct, frozen=True):
    """One run. `journal_bytes`: of the dump."""

    origin: Origin
    seed: int
    journal_bytes: int
    tried: dict[str, dict[str, Any]]
    result: Result


def backtest(
    *,
    events: Annotated[int, Parameter(help="Of the journal, about.")] = 5_000_000,
    seed: int = 1,
    save: Annotated[bool, Parameter(negative="", help=f"Write {RESULT} and the JSON beside it.")] = False,
) -> int:
    """Time, CPU and memory of a backtest; exit code 1 when its live side isn't what a replay decides."""
    load_before = page.load_average()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        size = write_journal(folder / "journal", events, seed)
        _run("replay", "--input", str(folder / "journal"), "--output", str(folder / "decisions"))
        asked = ("--config", str(write_tried(folder / "tried")), "--from", str(folder / "journal"))
        told = _run("backtest", *asked, "--decisions", str(folder / "decisions"), "--json")
    found = _kept(msgspec.json.decode(told, type=Result))
    done = Report(page.origin(load_before), seed, size, TRIED, found)
    text = as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(RESULT, text, done)
    return int(not found.live.is_equal)


def _kept(found: Result) -> Result:
    """Without the place of the dump, and without days: those come again with the seed."""
    triggers = [replace(one, days=[]) for one in found.triggers]
    return replace(found, history=replace(found.history, source=""), triggers=triggers)


def write_journal(folder: Path, events: int, seed: int) -> int:
    """Generated events as a dump, a file for each partition, with a tick each hour; returns its bytes."""
    folder.mkdir()
    rules = config_files.load(settings.PACKAGED_CONFIG)
    with ExitStack() as opened:
        files = [
            opened.enter_context((folder / f"partition-{number}.jsonl").open("wb"))
            for number in range(topics.PARTITIONS)
        ]
        offsets = [0] * len(files)
        for number, entry in _entries(events, seed, ConfigVersion(rules.version, config.encode(rules), 0)):
            files[number].write(journal_lines.encode(number, JournalRecord(offsets[number], entry)) + b"\n")
            offsets[number] += 1
    return sum(file.stat().st_size for file in folder.iterdir())


def _entries(events: int, seed: int, version: ConfigVersion) -> Iterator[tuple[int, Entry]]:
    everywhere = range(topics.PARTITIONS)
    yield from ((number, version) for number in everywhere)
    ticked_ms = 0
    for place, (at_ms, topic, event) in enumerate(by_arrival(generate(events, seed).records)):
        if at_ms >= ticked_ms + HOUR_MS:
            ticked_ms = at_ms // HOUR_MS * HOUR_MS
            yield from ((number, Tick(ticked_ms)) for number in everywhere)
        yield partition_of(event.customer.encode()), EventEntry(event, Source(topic, 0, place))


def write_tried(folder: Path) -> Path:
    """The shipped rules, changed."""
    folder.mkdir()
    shipped = settings.PACKAGED_CONFIG
    document = yaml.safe_load((shipped / TRIGGERS_FILE).read_text(encoding="utf-8"))
    for name, changes in TRIED.items():
        document["triggers"][name] |= changes
    (folder / TRIGGERS_FILE).write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / POLICY_FILE).write_bytes((shipped / POLICY_FILE).read_bytes())
    return folder


def _run(*arguments: str) -> bytes:
    return subprocess.run([BELLWETHER, *arguments], check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - our own program


def as_markdown(report: Report) -> str:
    """As a page."""
    cost, found = report.result.cost, report.result
    entries = ", ".join(f"{count:,} {kind}" for kind, count in found.history.entries.items())
    changes = "; ".join(
        f"{name}: {', '.join(f'{key} {value}' for key, value in some.items())}" for name, some in report.tried.items()
    )
    about = [
        *page.notes(report.origin),
        f"`python -m bench backtest --save`, seed {report.seed}: a dump of {report.journal_bytes / 1e9:.2f} GB",
        f"{found.history.customers:,} customers, {found.history.begin[:10]} to {found.history.end[:10]}",
        f"entries: {entries}",
        f"the shipped rules against the same with {changes}",
        f"decisions of the live config equal those of a replay: {found.live.statement}",
    ]
    rows = [
        ("entries, each decided twice", f"{cost.entries:,}"),
        ("processes", str(cost.processes)),
        ("seconds", f"{cost.seconds:,.1f}"),
        ("entries/s", f"{cost.entries_per_second:,}"),
        ("CPU seconds, all processes", f"{cost.cpu_seconds:,.1f}"),
        ("CPU µs/entry, both configs together", f"{cost.cpu_us_per_entry:.1f}"),
        ("peak memory, all processes added up, MB", f"{cost.peak_megabytes:,.0f}"),
    ]
    sent = (
        (one.trigger, *(f"{count:,}" for count in (one.unchanged, one.changed, one.gained, one.lost)))
        for one in found.triggers
    )
    columns = ("sent, by trigger", "unchanged", "changed", "gained", "lost")
    lines = ["# Backtest\n", *page.bullets(about), *page.table(("backtest", ""), rows), *page.table(columns, sent)]
    return "\n".join(lines)
