"""`bellwether sources`: what becomes of a source's records, tried on a file."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from msgspec import Struct

from agents import line_files
from agents.cli.folders import Folder, filled_sources
from agents.cli.output import FINDINGS, FINE, USAGE, CommandError, Json, message, print_json, print_table, progress
from agents.config_hints import suggestion
from agents.line_files import Line
from streams.dead_letters import Rejected
from streams.events import Event
from streams.intake import Reader

app = App(
    name="sources",
    help="""Try on a file what the intake makes of a source's records: each one's event, or why there is none.

For example:

    bellwether sources try --source card-transactions records.jsonl
    bellwether sources try --source camt-reports --config docs/examples docs/examples/camt-reports.jsonl
    bellwether sources try --source card-transactions --key-separator '|' --json records.txt

Of the records on a topic, kafka-console-consumer.sh writes such a file. docs/sources.md tells how to map a source.
""",
    help_format="plaintext",
)

HIDDEN = ("type", "position")
Source = Annotated[str, Parameter(name="--source", help="The source topic, as in sources.yaml.")]
File = Annotated[Path, Parameter(help="Records, one a line, each as it is on the topic; or a folder of *.jsonl.")]
KeySeparator = Annotated[
    str | None, Parameter(help="What stands between a record's key and its value, if the lines have keys.")
]
TimestampMs = Annotated[
    int | None,
    Parameter(help="When the records were written, ms since the epoch. Default: now.", validator=Number(gte=0)),
]
First = Annotated[int, Parameter(help="How many the table shows; 0 is all. JSON has all.", validator=Number(gte=0))]


class Tried(Struct, frozen=True, omit_defaults=True):
    """What came of one line: its event, or the reason of its dead letter and what to look at."""

    line: int
    event: Event | None = None
    reason: str | None = None
    message: str | None = None


@app.command(name="try")
def try_(  # noqa: PLR0913 - each is an option of the command
    file: File,
    /,
    *,
    source: Source,
    config: Folder = None,
    key_separator: KeySeparator = None,
    timestamp_ms: TimestampMs = None,
    first: First = 20,
    json: Json = False,
) -> int:
    """Show each record's event or its dead-letter reason; JSON has one line for each record.

    Nothing is written anywhere. Exit code 1 when there are dead letters.
    """
    reader = _reader(source, config)
    received_ms = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
    tried = _tried(reader, file, key_separator, received_ms)
    counts = _print_lines(tried) if json else _print_tables(tried, first)
    bad = counts.total() - counts[""]
    message(f"{counts.total()} records: {counts['']} events, {bad} dead letters.")
    return FINDINGS if bad else FINE


def _reader(source: str, config: Path | None) -> Reader:
    readers = filled_sources(config).readers
    if source not in readers:
        raise CommandError(f"--source {source}: there is no such source{suggestion(source, readers)}", USAGE)
    return readers[source]


def _tried(reader: Reader, path: Path, separator: str | None, received_ms: int) -> Iterator[Tried]:
    """Line by line, with a bar on stderr; the lines of a folder's files are counted on."""
    try:
        files = line_files.files_of(path)
        with progress() as bar:
            task = bar.add_task("Trying", total=sum(file.stat().st_size for file in files))
            lines = line_files.read(files, lambda size: bar.advance(task, size))
            for number, line in enumerate(lines, 1):
                yield _one(reader, line, number, separator, received_ms)
    except OSError as error:
        raise CommandError(str(error), USAGE) from error


def _one(reader: Reader, line: Line, number: int, separator: str | None, received_ms: int) -> Tried:
    key, value = None, line.text.removesuffix(b"\n").removesuffix(b"\r")
    if separator is not None:
        key, _, value = value.partition(separator.encode())
    event = reader.read(value, received_ms, key)
    if isinstance(event, Rejected):
        return Tried(number, reason=event.reason, message=event.message)
    return Tried(number, event)


def _print_lines(tried: Iterator[Tried]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in tried:
        print_json(one)
        counts[one.reason or ""] += 1
    return counts


def _print_tables(tried: Iterator[Tried], first: int) -> Counter[str]:
    """The first ones, then how many there are of each kind; the rest is counted and let go."""
    shown = list(islice(tried, first or None))
    counts = Counter(one.reason or "" for one in chain(shown, tried))  # to the end, before the bar gives way to a table
    print_table(("line", "result", "event or what was expected"), [_row(one) for one in shown], whole=("result",))
    if counts.total() > len(shown):
        message(f"Shown are the first {len(shown)}; --first 0 shows all.")
    if any(counts):
        print_table(("dead letters", "count"), [(reason, counts[reason]) for reason in sorted(filter(None, counts))])
    return counts


def _row(one: Tried) -> tuple[int, str, str]:
    if one.event is None:
        return one.line, one.reason or "", one.message or ""
    said = msgspec.to_builtins(one.event)
    told = " ".join(f"{name}={value}" for name, value in said.items() if name not in HIDDEN and value is not None)
    return one.line, "event", f"{said['type']} {told}"
