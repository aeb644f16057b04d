"""`bellwether report`: what came of the decisions."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from agents import line_files
from agents.cli.output import (
    FINE,
    USAGE,
    CommandError,
    Json,
    on_kafka,
    print_json,
    print_table,
    progress,
    settings,
)
from agents.replay import ReplayError

if TYPE_CHECKING:
    from agents.report.figures import Figures
    from agents.report.intervals import Share
    from agents.report.ledger import Ledger

app = App(
    name="report",
    help="""What came of the decisions: verdicts on fraud checks, responses to offers, uplift over the hold-out group,
reasons for silence.

For example:

    bellwether report
    bellwether report --json
    bellwether report --input journal.jsonl
    bellwether report --shadow

It reads the journal and the decisions of the cluster that BELLWETHER_KAFKA names, or a dump of the journal
(bellwether journal dump), which it decides again. Shares come with their 95 % interval (Wilson).
""",
    help_format="plaintext",
)

Shadow = Annotated[bool, Parameter(negative="", help="Compare what runs in shadow with what is live, by trigger.")]
Input = Annotated[Path | None, Parameter(help="A dump of the journal to read instead of Kafka.")]


@app.default
def report(*, input: Input = None, shadow: Shadow = False, json: Json = False) -> int:  # noqa: A002 - the option's name
    """Report on a cluster, or on a dump of its journal."""
    if shadow:
        return _compare(input, json=json)
    from agents.report.figures import figures  # noqa: PLC0415 - slow to import, and help must be quick

    found = figures(ledger(input))
    if json:
        print_json(found)
    else:
        _show(found)
    return FINE


def _compare(dump: Path | None, *, json: bool) -> int:
    from agents.report.shadow import compared  # noqa: PLC0415 - as above

    found = compared(ledger(dump, keeps_decisions=True))
    if json:
        print_json(found)
    else:
        section(
            "In shadow, beside live: candidates by occasion",
            ("trigger", "live", "shadow", "both", "only live", "only shadow", "precision live", "precision shadow"),
            (
                (
                    *(one.trigger, one.live, one.shadow, one.both, one.only_live, one.only_shadow),
                    *(told(one.precision_live), told(one.precision_shadow)),
                )
                for one in found
            ),
        )
        examples = [
            (one.trigger, side, example.id, example.action, example.because)
            for one in found
            for side, several in (("live", one.examples_only_live), ("shadow", one.examples_only_shadow))
            for example in several
        ]
        section("Examples of what only one decided", ("trigger", "only", "decision", "action", "because"), examples)
    return FINE


def ledger(dump: Path | None, *, keeps_decisions: bool = False) -> "Ledger":
    """All decisions with what came back on them.

    Raises:
        CommandError: Kafka is out of reach, or the dump is none.
    """
    from agents.report import read  # noqa: PLC0415 - as above

    with progress() as bar:
        task = bar.add_task("Reading", total=None)
        if dump is None:
            kafka = settings().kafka

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            return on_kafka(kafka, read.from_kafka(kafka, tell, keeps_decisions=keeps_decisions))
        try:
            return read.from_dump(line_files.read(line_files.files_of(dump)), keeps_decisions=keeps_decisions)
        except (OSError, ReplayError) as error:
            raise CommandError(f"{error}\nMake one: bellwether journal dump --output journal.jsonl", USAGE) from error


def _show(found: "Figures") -> None:
    section(
        "Fraud checks: cardholders who were asked and said that it was fraud",
        ("trigger", "config version", "asked", "no answer yet", "precision"),
        ((one.trigger, one.config_version, one.asked, one.unanswered, told(one.precision)) for one in found.fraud),
    )
    section(
        "Offers: how often they were taken",
        ("action", "offer", "segment", "opened", "declined", "accepted"),
        (
            (one.action, one.offer or "-", one.segment, one.opened, one.declined, told(one.accepted))
            for one in found.acceptance
        ),
    )
    section(
        "Uplift: conversions with an offer, against the hold-out group",
        ("trigger", "treated", "held out", "effect"),
        ((one.trigger, told(one.treated), told(one.held_out), one.statement) for one in found.uplift),
    )
    for title, several in (("Not sent, and why", found.silences), ("Held for a time, and why", found.holds)):
        rows = ((one.trigger, one.reason, one.count) for one in several)
        section(title, ("trigger", "reason", "count"), rows)


def section(title: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """A table below its title."""
    several = list(rows)
    sys.stdout.write(f"\n{title}\n")
    if several:
        print_table(columns, several)
    else:
        sys.stdout.write("Nothing yet.\n")


def told(share: "Share") -> str:
    """As in `41 of 100, 41.0 % (31.9 to 50.8)`."""
    if share.share is None or share.low is None or share.high is None:
        return "none yet"
    percents = [f"{100 * one:.1f}" for one in (share.share, share.low, share.high)]
    return f"{share.count} of {share.total}, {percents[0]} % ({percents[1]} to {percents[2]})"
