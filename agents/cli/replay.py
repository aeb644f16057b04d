"""`bellwether replay`: the same decisions again, or those on records from a file."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from cyclopts import App, Parameter
from msgspec import Struct, field
from rich.progress import Progress

from agents import line_files
from agents.cli.folders import Folder, filled_sources, read
from agents.cli.output import FINE, USAGE, CommandError, Json, message, print_json, print_table, progress
from agents.line_files import Line
from agents.replay import Decided, Replay, ReplayError, is_dump, replay_journal, replay_sources
from streams.actions import encode_decision
from streams.dead_letters import Rejected
from streams.partition_record import RESERVED_KEYS

app = App(
    name="replay",
    help="""Decide again from a file, without Kafka: same entries, same decisions, byte for byte.

For example:

    bellwether replay --input records.jsonl --output decisions.jsonl --config try-out
    bellwether replay --input records.jsonl --output decisions.jsonl --dead-letters dead.jsonl --json
    bellwether replay --input journal.jsonl --output decisions.jsonl

The input is either source records, one a line, {"topic": …, "key": …, "value": …, "timestamp": milliseconds}, read and
decided under the sources and rules of --config, or a dump of the journal (bellwether journal dump), which brings its
own. Of a folder, the *.jsonl are read in name order. The output has one decision a line; those of a dump are ordered by
partition.
""",
    help_format="plaintext",
)

Input = Annotated[Path, Parameter(help="File or folder to read.")]
Output = Annotated[Path, Parameter(help="Where the decisions go.")]
DeadLetters = Annotated[Path | None, Parameter(help="Where records go that can't be read: reason, place, body.")]
OutcomeCounts = dict[str, int]


class Summary(Struct):
    """What a replay came to.

    Attributes:
        records: lines that were read.
        entries: journal entries applied, by kind.
        repeated: events that their customer had seen before.
        forgotten: events from before their customer was forgotten.
        passed_over: entries at or below an offset that was applied already.
        decisions: by trigger, then by outcome.
    """

    records: int = 0
    entries: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    forgotten: int = 0
    passed_over: int = 0
    customers: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    decisions: dict[str, OutcomeCounts] = field(default_factory=dict)


@app.default
def replay(
    *,
    input: Input,  # noqa: A002 - the option's name
    output: Output,
    config: Folder = None,
    dead_letters: DeadLetters = None,
    json: Json = False,
) -> int:
    """Replay a file or folder; the summary goes to stdout."""
    summary, machine, started = Summary(), Replay(), time.perf_counter()
    try:
        files = line_files.files_of(input)
        _keep_apart(files, output, dead_letters)
        with progress() as bar, _opened(dead_letters) as sink:
            lines = _counted(files, bar, summary)
            decided = _encoded(_decided(lines, config, machine, _dead_letters(summary, sink)), summary)
            decided.sort(key=itemgetter(0))  # by partition, and within one as they came
        output.write_bytes(b"".join(encoded + b"\n" for _, encoded in decided))
    except (ReplayError, OSError) as error:
        raise CommandError(str(error), USAGE) from error
    _finish(summary, machine)
    _tell(summary, json=json)
    for version in sorted(machine.refused):
        message(f"Config version {version} doesn't fit this release and was passed over, as live.", style="yellow")
    seconds = time.perf_counter() - started
    message(f"{len(decided)} decisions in {output}. {summary.records / seconds:,.0f} records/s, {seconds:.1f} s.")
    return FINE


def _keep_apart(files: list[Path], *targets: Path | None) -> None:
    """What is written must not be read, now or the next time."""
    folders = {file.parent.resolve() for file in files} if len(files) > 1 else set()
    for target in filter(None, targets):
        is_input = any(target.resolve() == file.resolve() for file in files)
        if is_input or (target.resolve().parent in folders and target.match(line_files.PATTERN)):
            raise CommandError(f"{target} would be read as input; write it somewhere else.", USAGE)


def _opened(path: Path | None) -> AbstractContextManager[BinaryIO | None]:
    return nullcontext() if path is None else path.open("wb")


def _counted(files: list[Path], bar: Progress, summary: Summary) -> Iterator[Line]:
    task = bar.add_task("Replaying", total=sum(file.stat().st_size for file in files))
    for line in line_files.read(files, lambda size: bar.advance(task, size)):
        summary.records += 1
        yield line


def _decided(
    lines: Iterator[Line], config: Path | None, machine: Replay, on_rejected: Callable[[Line, Rejected], None]
) -> Iterator[Decided]:
    """The first line tells which of the two kinds of input it is."""
    first = next(lines, None)
    every = lines if first is None else chain([first], lines)
    if not is_dump(first):
        return replay_sources(every, read(config), machine, on_rejected, filled_sources(config))
    if config is not None:
        raise CommandError("--config: a dump of the journal brings its own rules; leave it out.", USAGE)
    return replay_journal(every, machine)


def _encoded(decided: Iterable[Decided], summary: Summary) -> list[tuple[int, bytes]]:
    encoded = []
    for partition, decision in decided:
        outcomes = summary.decisions.setdefault(decision.trigger, {})
        outcomes[decision.outcome] = outcomes.get(decision.outcome, 0) + 1
        encoded.append((partition, encode_decision(decision)))
    return encoded


def _dead_letters(summary: Summary, sink: BinaryIO | None) -> Callable[[Line, Rejected], None]:
    def take(line: Line, rejection: Rejected) -> None:
        summary.dead_letters[rejection.reason] += 1
        if sink is not None:
            body = None if rejection.body is None else rejection.body.decode(errors="replace")
            place = {"file": line.file, "line": line.number}
            told = {"reason": rejection.reason, "message": rejection.message, **place, "body": body}
            sink.write(msgspec.json.encode(told) + b"\n")

    return take


def _finish(summary: Summary, machine: Replay) -> None:
    summary.entries, summary.repeated, summary.passed_over = machine.entries, machine.repeated, machine.passed_over
    summary.forgotten = machine.forgotten
    summary.customers = sum(key not in RESERVED_KEYS for table in machine.tables.values() for key in table)


def _tell(summary: Summary, *, json: bool) -> None:
    if json:
        print_json(summary)
        return
    rows: list[tuple[str, str, int]] = [("records", "", summary.records)]
    rows += [("entries", kind, count) for kind, count in sorted(summary.entries.items())]
    rows += [("repeated events", "", summary.repeated), ("forgotten events", "", summary.forgotten)]
    rows += [("passed over", "", summary.passed_over)]
    rows += [("customers", "", summary.customers)]
    rows += [("dead letters", reason, count) for reason, count in sorted(summary.dead_letters.items())]
    for trigger, outcomes in sorted(summary.decisions.items()):
        rows += [(trigger, outcome, count) for outcome, count in sorted(outcomes.items())]
    print_table(("what", "which", "count"), rows)
