"""How every command speaks: results to stdout, messages to stderr, and a handful of exit codes."""

import asyncio
import logging
import sys
from collections.abc import Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from agents.settings import Settings, SettingsError, load

FINE = 0
FINDINGS = 1
USAGE = 2
OUT_OF_REACH = 3
ACCESS_REFUSED = 77  # as a worker ends then, `stop.Code`
LINE_MAX = 10_000  # for a file or a pipe: nothing is folded

Result = TypeVar("Result")
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


class CommandError(Exception):
    """Ends a command with a message for the person at the terminal and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


def settings() -> Settings:
    """The addresses from the environment.

    Raises:
        CommandError: one of them can't be an address.
    """
    try:
        return load()
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from error


def message(text: str, *, style: str | None = None) -> None:
    """A line to stderr, as it is: no wrapping, and no markup in what a file or a user named."""
    Console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def print_json(result: Any) -> None:
    """The result as one line of JSON on stdout."""
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


def print_line(text: str, *, style: str | None = None) -> None:
    """A line of the result on stdout, wrapped where the terminal ends."""
    Console(markup=False, highlight=False).print(text, style=style)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], whole: Collection[str] = ()) -> None:
    """The result as a table on stdout; numbers stand to the right, the `whole` columns are never broken.

    Only a terminal's width folds it.
    """
    cells = [list(row) for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        is_number = bool(cells) and all(isinstance(row[number], int) for row in cells)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold", no_wrap=column in whole)
    for row in cells:
        table.add_row(*(str(cell) for cell in row))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        wide = console.options.update(max_width=LINE_MAX)
        console.width = max(console.width, Measurement.get(console, wide, table).maximum)
    console.print(table)


def progress() -> Progress:
    """A bar on stderr, seen only on a terminal, gone when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def quiet_kafka() -> Iterator[None]:
    """Without the client's own log lines: what it has to say comes as an error, told in our words."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def on_kafka(address: str, work: Coroutine[Any, Any, Result]) -> Result:
    """Run what talks to Kafka at `address`.

    Raises:
        CommandError: Kafka is out of reach, doesn't let us in, refuses, or hasn't the topic.
    """
    from aiokafka import errors  # noqa: PLC0415 - slow to import, and help must be quick

    from agents.stop import is_refusal  # noqa: PLC0415 - the same
    from agents.topic_admin import MissingTopic  # noqa: PLC0415

    try:
        with quiet_kafka():
            return asyncio.run(work)
    except (errors.KafkaConnectionError, errors.KafkaTimeoutError, errors.NodeNotReadyError, TimeoutError) as error:
        raise _out_of_reach(address, type(error).__name__) from error
    except MissingTopic as error:
        raise CommandError(
            f"Kafka at {address} has no topic {error}, or doesn't show it to this user. Make it: "
            "bellwether topics create",
            FINDINGS,
        ) from error
    except errors.KafkaError as error:
        code = ACCESS_REFUSED if is_refusal(error) else OUT_OF_REACH
        hint = "\nWhat this user needs: docs/deployment.md, rights." if is_refusal(error) else ""
        raise CommandError(f"Kafka at {address} refused: {error}{hint}", code) from error


def _out_of_reach(address: str, why: str) -> CommandError:
    """Kafka gave no answer; with credentials, the client doesn't say whether that is because of them: ask."""
    from agents import access_check  # noqa: PLC0415 - as above

    with quiet_kafka():
        refused = asyncio.run(access_check.kafka_refusals(settings()))
    if refused:
        return CommandError("\n".join(refused), ACCESS_REFUSED)
    return CommandError(
        f"Kafka at {address} is out of reach ({why}).\n"
        "Is it running, and is BELLWETHER_KAFKA right? A local one: bellwether stack up\n"
        "Does it want TLS, or a password? docs/deployment.md",
        OUT_OF_REACH,
    )
