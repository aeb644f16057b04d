"""`bellwether backtest`: what other rules would have decided on the same history."""

import asyncio
import os
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents.cli.folders import Folder, filled_sources, read
from agents.cli.output import (
    FINDINGS,
    FINE,
    USAGE,
    CommandError,
    Json,
    message,
    on_kafka,
    print_json,
    progress,
    settings,
)

if TYPE_CHECKING:
    from agents.backtest.backtest import Question
    from agents.backtest.result import Result

JOURNAL = "journal"
app = App(
    name="backtest",
    help="""Decide history twice, by the rules that were live and by others, and say what differs. Nothing live changes.

For example:

    bellwether backtest --config ./try-out
    bellwether backtest --config ./try-out --since 2026-05-01 --html backtest.html
    bellwether backtest --config ./try-out --from journal.jsonl --decisions decisions.jsonl
    bellwether backtest --config ./try-out --against ./config --from records.jsonl --json

By trigger: what both send, what only one of them sends and why the other doesn't, by day; precision where cardholders
have answered; uplift over the hold-out group; contacts per customer; examples. docs/backtest.md says how to read it.
Exit code 1 when what was decided live isn't what the live rules lead to.
""",
    help_format="plaintext",
)

Against = Annotated[
    Path | None, Parameter(help="Folder of the rules to compare with. Default: what was live, version by version.")
]
From = Annotated[
    str,
    Parameter(name="--from", help="`journal` of the cluster; or a dump of it, or source records: a file or a folder."),
]
Since = Annotated[
    datetime | date | None, Parameter(help="Compare from then on (UTC); before, decide as it was live. Default: all.")
]
Decisions = Annotated[
    Path | None, Parameter(help="What was decided live on a dump, to hold the live side against: one a line.")
]
Html = Annotated[Path | None, Parameter(help="Write the result as a page with plots, complete in one file.")]
Processes = Annotated[int | None, Parameter(help="At once. Default: one for each core.", validator=Number(gte=1))]


@app.default
def backtest(  # noqa: PLR0913 - each is an option of the command
    *,
    config: Folder = None,
    against: Against = None,
    from_: From = JOURNAL,
    since: Since = None,
    decisions: Decisions = None,
    html: Html = None,
    processes: Processes = None,
    json: Json = False,
) -> int:
    """Backtest the rules of --config."""
    from agents.backtest.backtest import Question  # noqa: PLC0415 - slow to import, and help must be quick

    if decisions is not None and (from_ == JOURNAL or against is not None):
        raise CommandError("--decisions: only with --from FILE, and without --against.", USAGE)
    found = _ask(
        Question(
            new=read(config),
            old=None if against is None else read(against),
            shipped=lambda: read(None),
            sources=partial(filled_sources, config),
            since_ms=None if since is None else _at_ms(since),
            decisions=decisions,
            processes=processes or len(os.sched_getaffinity(0)),
        ),
        from_,
    )
    if html is not None:
        _write(html, found)
    if json:
        print_json(found)
    else:
        from agents.cli.backtest_output import show  # noqa: PLC0415 - as above

        show(found)
    return _tell(found, html)


def _ask(question: "Question", source: str) -> "Result":
    """Run it, with a bar on stderr.

    Raises:
        CommandError: Kafka is out of reach, or the files are none.
    """
    from agents.backtest.backtest import of_files, of_journal  # noqa: PLC0415
    from agents.journal_dump import JournalError  # noqa: PLC0415
    from agents.replay import ReplayError  # noqa: PLC0415 - as above

    with progress() as bar:
        task = bar.add_task("Looking at the history", total=None)

        def told(what: str) -> Any:
            bar.update(task, description=what, completed=0)
            return lambda done, total: bar.update(task, completed=done, total=total)

        try:
            if source == JOURNAL:
                kafka = settings().kafka
                return on_kafka(kafka, of_journal(kafka, question, told))
            return asyncio.run(of_files(Path(source), question, told))
        except JournalError as error:
            raise CommandError(f"{error}\nThe workers can't read it either.", FINDINGS) from error
        except BrokenProcessPool as error:
            raise CommandError(f"{error}\nDid it run out of memory? Try --processes 1.", FINDINGS) from error
        except (OSError, ReplayError) as error:
            raise CommandError(f"{error}\nMake one: bellwether journal dump --output journal.jsonl", USAGE) from error


def _at_ms(since: date) -> int:
    """An instant; a day begins at midnight, and both are UTC where they don't say otherwise."""
    at = since if isinstance(since, datetime) else datetime(since.year, since.month, since.day, tzinfo=UTC)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _write(file: Path, found: "Result") -> None:
    from agents.backtest.page import as_html  # noqa: PLC0415 - as above

    try:
        file.write_text(as_html(found), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"Can't write to {file}: {error.strerror}.", USAGE) from error


def _tell(found: "Result", html: Path | None) -> int:
    """What goes beside the result, to stderr; the exit code."""
    for version in found.refused:
        message(f"Config version {version} doesn't fit this release and was passed over, as live.", style="yellow")
    cost = found.cost
    message(
        f"{cost.entries:,} entries in {cost.seconds:.1f} s by {cost.processes} processes: "
        f"{cost.cpu_us_per_entry:.1f} µs of CPU each, {cost.peak_megabytes:,.0f} MB at most."
    )
    message(f"Live decisions equal the backtest of the live config: {found.live.statement}.")
    for line in found.live.differences:
        message(f"- {line}", style="red")
    if html is not None:
        message(f"The page: {html}. It names customers: keep it as you keep the journal.")
    return FINDINGS if found.live.is_equal is False else FINE
