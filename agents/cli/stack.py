"""`bellwether stack`: Kafka and Redis on this machine, for a try or for development."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console

from agents.cli.output import FINDINGS, FINE, OUT_OF_REACH, CommandError, Json, message, print_json

if TYPE_CHECKING:
    from agents.stack import Stack

KAFKA_PORT = 9092
REDIS_PORT = 6379

app = App(
    name="stack",
    help="""Kafka and Redis on this machine, without Docker and without a Java installed.

For example:

    bellwether stack up
    bellwether stack up --random-ports --folder try-out
    bellwether stack status --json
    bellwether stack down

The first start fetches Kafka once (43 MB). BELLWETHER_KAFKA=host:port or BELLWETHER_REDIS=redis://host:port/0 in the
environment name running ones: these are neither started nor stopped.
""",
    help_format="plaintext",
)

Folder = Annotated[Path | None, Parameter(help="Data, logs and state. Default: the user's state folder.")]
RandomPorts = Annotated[bool, Parameter(negative="", help="Free ports instead of 9092 and 6379.")]


@app.command
def up(*, folder: Folder = None, random_ports: RandomPorts = False, json: Json = False) -> int:
    """Start Kafka and Redis in the background; what runs already is left as it is."""
    ports = {} if random_ports else {"kafka_port": KAFKA_PORT, "redis_port": REDIS_PORT}
    with _parts() as parts, Console(stderr=True).status("Starting Kafka and Redis …"):
        started = parts.up(folder or parts.default_folder(), **ports)
    _tell(started, json=json)
    stop = f"bellwether stack down --folder {folder}" if folder else "bellwether stack down"
    message(f"Data and logs: {started.folder}\nStop with: {stop}")
    return FINE


@app.command
def down(*, folder: Folder = None, json: Json = False) -> int:
    """Stop what `up` started; the data stay."""
    started = _started(folder)
    names = sorted(started.pids) if started else []
    if started:
        started.down()
    if json:
        print_json({"stopped": names})
    message(f"Stopped: {', '.join(names)}." if names else "Nothing was started here.")
    return FINE


@app.command
def status(*, folder: Folder = None, json: Json = False) -> int:
    """Tell what runs, and where. Exit code 1 when something doesn't."""
    started = _started(folder)
    if started is None:
        if json:
            print_json({})
        message("Nothing was started here. Start it with: bellwether stack up")
        return FINDINGS
    _tell(started, json=json)
    return FINE if started.is_running() else FINDINGS


@contextmanager
def _parts() -> Iterator[ModuleType]:
    """Gives the stack's package, an extra that a worker's image lacks; its errors become messages.

    Raises:
        CommandError: the extra is missing, or a part can't be had.
    """
    try:
        parts = import_module("agents.stack")
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error}. The local stack is an extra: pip install 'bellwether[stack]'", OUT_OF_REACH
        ) from error
    try:
        yield parts
    except (parts.StackError, OSError) as error:
        raise CommandError(str(error), OUT_OF_REACH) from error


def _started(folder: Path | None) -> "Stack | None":
    with _parts() as parts:
        found: Stack | None = parts.status(folder or parts.default_folder())
    return found


def _tell(stack: "Stack", *, json: bool) -> None:
    """As JSON, or in the form of an environment file, where a `#` tells what doesn't run."""
    parts = {"kafka": stack.kafka_part, "redis": stack.redis_part}
    if json:
        rows = {
            name: {"address": part.address, "running": part.is_running(), "pid": stack.pids.get(name)}
            for name, part in parts.items()
        }
        print_json({**rows, "folder": str(stack.folder)})
        return
    for name, part in parts.items():
        sys.stdout.write(f"{'' if part.is_running() else '# not running: '}BELLWETHER_{name.upper()}={part.address}\n")
