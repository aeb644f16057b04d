"""`bellwether dlq`: what couldn't be read, and once more after a fix."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import App, Parameter
from cyclopts.validators import Number
from msgspec import Struct

from agents.cli import folders
from agents.cli.output import (
    FINDINGS,
    FINE,
    USAGE,
    CommandError,
    Json,
    message,
    on_kafka,
    print_json,
    print_line,
    print_table,
    progress,
    settings,
)
from agents.why.words import day

if TYPE_CHECKING:
    from agents.dlq.letters import Letter, Wanted
    from agents.dlq.replay import Replayed

app = App(
    name="dlq",
    help="""Dead letters: how many and why, what is in them, and once more after a fix.

For example:

    bellwether dlq list
    bellwether dlq show --reason missing_field --last 3
    bellwether dlq show --source card-transactions/2/4711
    bellwether dlq replay --reason missing_field --dry-run
    bellwether dlq replay --reason missing_field

What the reasons mean, and what to do: docs/dead-letters.md.
""",
    help_format="plaintext",
)

Reasons = Annotated[
    list[str] | None, Parameter(name="--reason", negative="", help="Only of this reason; may be repeated.")
]
Sources = Annotated[
    list[str] | None,
    Parameter(name="--source", negative="", help="Only from TOPIC, TOPIC/PARTITION or TOPIC/PARTITION/OFFSET."),
]
Last = Annotated[int, Parameter(help="How many at most, the latest written; 0 is all.", validator=Number(gte=0))]
DryRun = Annotated[bool, Parameter(negative="", help="Say what would come of it, and append nothing.")]


class Count(Struct, frozen=True):
    """How many dead letters a source topic has of a reason, and how many of them were replayed since."""

    reason: str
    topic: str
    count: int
    replayed: int
    oldest_ms: int
    newest_ms: int


@app.command(name="list")
def list_(*, reason: Reasons = None, source: Sources = None, json: Json = False) -> int:
    """Count dead letters by reason and source topic."""
    found = list(_counts(_letters(_wanted(reason, source))))
    if json:
        print_json({"counts": found})
    elif found:
        columns = ("reason", "source", "count", "replayed", "oldest", "newest")
        rows = [
            (one.reason, one.topic, one.count, one.replayed, day(one.oldest_ms), day(one.newest_ms)) for one in found
        ]
        print_table(columns, rows)
        message("What is in them: bellwether dlq show. After a fix: bellwether dlq replay")
    else:
        message("No dead letters.")
    return FINE


@app.command
def show(*, reason: Reasons = None, source: Sources = None, last: Last = 10, json: Json = False) -> int:
    """Show dead letters as they are stored: masked, and cut to 4 KiB."""
    wanted = _wanted(reason, source)
    found = sorted(_letters(wanted, bodies=True), key=lambda one: (one.at_ms, one.offset))[-last:]
    if not found:
        raise CommandError("No such dead letter. Which there are: bellwether dlq list", FINDINGS)
    if json:
        print_json({"letters": found})
        return FINE
    for one in found:
        replayed = ", replayed since" if one.replayed else ""
        place = f"{one.source.topic}/{one.source.partition}/{one.source.offset}"
        print_line(f"{place}  {one.reason}  {day(one.at_ms)}{replayed}", style="bold")
        print_line(one.message)
        print_line(f"key {one.key or '-'}")
        print_line(f"{'null' if one.body is None else one.body}\n")
    return FINE


@app.command
def replay(*, reason: Reasons = None, source: Sources = None, dry_run: DryRun = False, json: Json = False) -> int:
    """Fetch the originals at their source and take them in once more: what can be read now, exactly once.

    Exit code 1 if some of them still can't be read, or are gone.
    """
    from agents.dlq import replay as replaying  # noqa: PLC0415 - slow to import, and help must be quick

    wanted, kafka = _wanted(reason, source), settings().kafka
    with progress() as bar:
        task = bar.add_task("Replaying", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        work = replaying.replay(kafka, wanted, tell, sources=folders.sources(), dry_run=dry_run)
        result = on_kafka(kafka, work)
    if json:
        print_json(result)
    else:
        print_table(("what", "which", "count"), _rows(result))
    if dry_run:
        message("Nothing was appended: a dry run.")
    return FINDINGS if result.unreadable or result.gone else FINE


def _rows(result: "Replayed") -> list[tuple[str, str, int]]:
    rows = [("in the journal now", topic, count) for topic, count in sorted(result.journaled.items())]
    rows += [("still unreadable", reason, count) for reason, count in sorted(result.unreadable.items())]
    rows += [("gone at the source", topic, count) for topic, count in sorted(result.gone.items())]
    return [*rows, ("replayed before", "", result.before)]


def _letters(wanted: "Wanted", *, bodies: bool = False) -> list["Letter"]:
    from agents.dlq import letters  # noqa: PLC0415 - as above

    kafka = settings().kafka
    with progress() as bar:
        task = bar.add_task("Reading dead letters", total=None)
        return on_kafka(kafka, letters.read(kafka, wanted, lambda count: bar.advance(task, count), bodies=bodies))


def _counts(found: list["Letter"]) -> Iterator[Count]:
    ordered = sorted(found, key=lambda one: (one.reason, one.source.topic))
    for (reason, topic), group in groupby(ordered, key=lambda one: (one.reason, one.source.topic)):
        several = list(group)
        times = [one.at_ms for one in several]
        yield Count(reason, topic, len(several), sum(one.replayed for one in several), min(times), max(times))


def _wanted(reasons: list[str] | None, sources: list[str] | None) -> "Wanted":
    """Which letters are meant.

    Raises:
        CommandError: there is no such reason or source topic.
    """
    from agents.dlq.letters import Wanted  # noqa: PLC0415 - as above
    from streams.dead_letters import Reason  # noqa: PLC0415 - as above

    places = tuple(tuple(one.split("/")) for one in sources or ())
    known = [topic.name for topic in folders.sources().known]
    for place in places:
        if place[0] not in known or len(place) > 3 or not all(part.isdigit() for part in place[1:]):  # noqa: PLR2004 - topic, partition, offset
            expected = f"TOPIC, TOPIC/PARTITION or TOPIC/PARTITION/OFFSET, the topic one of {', '.join(known)}"
            raise CommandError(f"--source {'/'.join(place)}: expected {expected}.", USAGE)
    for one in reasons or ():
        if one not in get_args(Reason):
            raise CommandError(f"--reason {one}: expected one of {', '.join(get_args(Reason))}.", USAGE)
    return Wanted(tuple(reasons or ()), places)
