"""`bellwether verify`: is all that the workers promise on the log?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents.cli.folders import sources
from agents.cli.output import (
    FINDINGS,
    FINE,
    OUT_OF_REACH,
    USAGE,
    CommandError,
    Json,
    message,
    on_kafka,
    print_json,
    print_table,
    progress,
    settings,
)

if TYPE_CHECKING:
    from agents.audit.audit import Options
    from agents.audit.findings import Audit, Check

app = App(
    name="verify",
    help="""Hold everything on the log against what the journal leads to, decided again in one process.

For example:

    bellwether verify
    bellwether verify --json
    bellwether verify --metrics http://127.0.0.1:9187 --metrics http://127.0.0.1:9188
    bellwether verify --privacy-canaries canaries.txt

It reads every topic of ours from its beginning and changes nothing. The workers may run, but should be idle: while
records come in, the end differs. Use the release that decided: another one may decide otherwise. Exit code 0 if
every check holds, 1 if not.
""",
    help_format="plaintext",
)

Metrics = Annotated[
    list[str] | None, Parameter(negative="", help="Address of a running worker's metrics; name all of them.")
]
Canaries = Annotated[
    Path | None, Parameter(help="File of texts that must be nowhere, one a line; fast if they begin alike.")
]
Wait = Annotated[float, Parameter(help="Seconds the workers may take to become idle.", validator=Number(gte=0))]


@app.default
def verify(*, metrics: Metrics = None, privacy_canaries: Canaries = None, wait: Wait = 30.0, json: Json = False) -> int:
    """Verify the cluster that BELLWETHER_KAFKA names."""
    from agents.audit.audit import Options  # noqa: PLC0415 - slow to import, and help must be quick

    options = Options(metrics=metrics or [], canaries=_canaries(privacy_canaries), wait_seconds=wait, sources=sources())
    result = _audit(options)
    if json:
        print_json(result)
    else:
        print_table(
            ("check", "verdict", "what"), [(f"{one.id} {one.name}", one.verdict, _what(one)) for one in result.checks]
        )
    if not result.is_settled:
        message(
            f"The workers weren't idle within {wait:g} s: what is under way may show as a difference.", style="yellow"
        )
    message(f"State {result.state_hash}.")
    message(f"{result.broken} findings." if result.broken else "All of it holds.")
    return FINDINGS if result.broken else FINE


def _audit(options: "Options") -> "Audit":
    """Run it, with a bar on stderr.

    Raises:
        CommandError: Kafka or a worker is out of reach, or the journal can't be read.
    """
    from agents.audit.audit import audit  # noqa: PLC0415
    from agents.audit.metrics import ScrapeError  # noqa: PLC0415
    from agents.journal_dump import JournalError  # noqa: PLC0415 - as above

    kafka = settings().kafka
    try:
        with progress() as bar:
            task = bar.add_task("Waiting for idle workers", total=None)

            def tell(done: int, total: int) -> None:
                bar.update(task, description="Verifying", completed=done, total=total)

            return on_kafka(kafka, audit(kafka, options, tell))
    except JournalError as error:
        raise CommandError(f"{error}\nThe workers can't read it either: find out who wrote it.", FINDINGS) from error
    except ScrapeError as error:
        raise CommandError(f"{error}\nIs the worker running, and is --metrics its address?", OUT_OF_REACH) from error


def _canaries(file: Path | None) -> list[bytes]:
    if file is None:
        return []
    try:
        return [line for line in file.read_bytes().splitlines() if line]
    except OSError as error:
        raise CommandError(f"Can't read {file}: {error.strerror}.", USAGE) from error


def _what(one: "Check") -> str:
    """The statement, the counts, then what speaks against it."""
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in one.counts.items())
    more = [f"… {one.broken - len(one.findings)} more"] if one.broken > len(one.findings) else []
    return "\n".join((one.statement, counts, *one.notes, *(f"- {text}" for text in one.findings), *more))
