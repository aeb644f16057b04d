"""`bellwether send`: source records from a file, to try it out."""

import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents import line_files
from agents.cli.folders import sources
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

NS_PER_MS = 1_000_000
app = App(
    name="send",
    help="""Send source records from a file to their topics, as a source system would.

For example:

    bellwether send records.jsonl
    bellwether send records.jsonl --wait 30

One record a line, {"topic": …, "key": …, "value": …, "timestamp": milliseconds}, in that order: what bellwether
generate writes, and bellwether replay reads. A line that is no record, or a topic that isn't there: nothing is sent.
It needs the right to write to these topics, which workers and operators don't have. A record older than its topic keeps
any is deleted by Kafka within minutes, and a worker that hadn't read it stops: send such to topics that keep them.
""",
    help_format="plaintext",
)

File = Annotated[Path, Parameter(help="File or folder to read; of a folder, the *.jsonl in name order.")]
Wait = Annotated[
    float, Parameter(help="Seconds to wait until workers have decided it all.", validator=Number(gte=0, lte=3600))
]


@app.default
def send(file: File, /, *, wait: Wait = 0, json: Json = False) -> int:
    """Send them. Exit code 1 when they weren't decided within the wait."""
    from agents import source_send  # noqa: PLC0415 - slow to import, and help must be quick

    kafka = settings().kafka
    try:
        several = source_send.records(line_files.read(line_files.files_of(file)))
    except (OSError, source_send.LineError) as error:
        raise CommandError(str(error), USAGE) from error
    with progress() as bar:
        task = bar.add_task("Sending", total=len(several))
        on_kafka(kafka, source_send.send(kafka, several, lambda count: bar.update(task, completed=count)))
    if old := on_kafka(kafka, source_send.too_old(kafka, several, time.time_ns() // NS_PER_MS)):
        told = ", ".join(f"{count} of {topic}" for topic, count in sorted(old.items()))
        message(f"Older than their topic keeps records, and deleted soon, read or not: {told}.", style="yellow")
    is_decided = bool(wait) and on_kafka(kafka, source_send.until_decided(kafka, sources(), wait))
    if json:
        print_json({"sent": len(several), "decided": is_decided if wait else None})
    else:
        sys.stdout.write(f"{len(several)} records sent{', and decided' if is_decided else ''}.\n")
    if wait and not is_decided:
        message(f"Not decided within {wait:g} s. Is a worker running? See: bellwether worker --help", style="yellow")
        return FINDINGS
    return FINE
