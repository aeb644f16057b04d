"""`bellwether journal`: what has happened, as a file."""

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

from cyclopts import App, Parameter

from agents import journal_dump, journal_lines
from agents.cli.output import FINDINGS, FINE, USAGE, CommandError, message, on_kafka, progress, settings

app = App(
    name="journal",
    help="""The journal, everything that can change a decision, as lines of JSON.

For example:

    bellwether journal dump --output journal.jsonl
    bellwether journal dump | grep '"kind":"config"'
    bellwether replay --input journal.jsonl --output decisions.jsonl

A dump holds customers' data: keep it as you keep the journal.
""",
    help_format="plaintext",
)

Output = Annotated[Path | None, Parameter(help="Where to write. Default: stdout.")]


@app.command
def dump(*, output: Output = None) -> int:
    """Write every committed entry, ordered by partition and offset, up to the end that the journal has now."""
    kafka = settings().kafka
    try:
        if output is None:
            count = on_kafka(kafka, _write(kafka, sys.stdout.buffer))
        else:
            with output.open("wb") as file:
                count = on_kafka(kafka, _write(kafka, file))
    except journal_dump.JournalError as error:
        raise CommandError(str(error), FINDINGS) from error
    except OSError as error:
        raise CommandError(f"Can't write to {output or 'stdout'}: {error.strerror}.", USAGE) from error
    message(f"{count} entries.")
    return FINE


async def _write(kafka: str, file: BinaryIO) -> int:
    count = 0
    with progress() as bar:
        task = bar.add_task("Reading the journal", total=None)
        entries = journal_dump.read(kafka, lambda done, total: bar.update(task, completed=done, total=total))
        async for partition, record in entries:
            file.write(journal_lines.encode(partition, record) + b"\n")
            count += 1
    file.flush()
    return count
