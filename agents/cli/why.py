"""What `explain` and `customer` share: which journal they read, and how a page is printed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

from agents.cli.output import (
    FINDINGS,
    USAGE,
    CommandError,
    on_kafka,
    print_line,
    print_table,
    progress,
    settings,
)
from agents.journal_dump import JournalError
from agents.replay import ReplayError
from agents.why.explained import Section, nonempty
from agents.why.sources import Cluster, Dumps, Journal

WHOLE = ("offset", "decision")  # what one copies
Result = TypeVar("Result")
From = Annotated[
    list[Path] | None,
    Parameter(name="--from", consume_multiple=True, negative="", help="Dumps of the journal, instead of Kafka."),
]


def ask(dumps: list[Path] | None, question: Callable[[Journal], Awaitable[Result]]) -> Result:
    """Put a question to the journal of the cluster, or of these files, with a bar on stderr.

    Raises:
        CommandError: the journal can't be read.
    """
    with progress() as bar:
        task = bar.add_task("Reading the journal", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            if dumps:
                return asyncio.run(_answered(question, Dumps(dumps, tell)))
            kafka = settings().kafka
            return on_kafka(kafka, _answered(question, Cluster(kafka, tell)))
        except (OSError, ReplayError) as error:
            raise CommandError(f"{error}\nMake one: bellwether journal dump --output journal.jsonl", USAGE) from error
        except JournalError as error:
            raise CommandError(str(error), FINDINGS) from error


async def _answered(question: Callable[[Journal], Awaitable[Result]], journal: Journal) -> Result:
    return await question(journal)


def show(several: Iterable[Section]) -> None:
    """Print a page to stdout."""
    for one in nonempty(several):
        if one.title:
            print_line(f"\n{one.title}", style="bold")
        for line in one.lines:
            print_line(line)
        if one.rows:
            print_table(one.columns, one.rows, WHOLE)
