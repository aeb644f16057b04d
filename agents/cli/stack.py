"""`bellwether stack`: Kafka and Redis on this machine, for a try or for development."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
from cyclopts import App, Parameter
from rich.console import Console

if TYPE_CHECKING:
    from agents.stack import Stack

FINDINGS = 1
OUT_OF_REACH = 3
KAFKA_PORT = 9092
REDIS_PORT = 6379

app = App(
    name="stack",
    help="""Kafka and Redis on this machine, without Docker and without a Java installed.

In short:

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
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
RandomPorts = Annotated[bool, Parameter(negative="", help="Free ports instead of 9092 and 6379.")]


@app.command
def up(*, folder: Folder = None, random_ports: RandomPorts = False, json: Json = False) -> int:
    """Start Kafka and Redis in the background; what runs already is left as it is."""
    ports = {} if random_ports else {"kafka_port": KAFKA_PORT, "redis_port": REDIS_PORT}
    with _errors_as_messages() as stack, _messages().status("Starting Kafka and Redis …"):
        started = stack.up(folder or stack.default_folder(), **ports)
    _print(_as_data(started) if json else _as_text(started))
    stop = f"bellwether stack down --folder {folder}" if folder else "bellwether stack down"
    _messages().print(f"Data and logs: {started.folder}\nStop with: {stop}", markup=False, soft_wrap=True)
    return 0


@app.command
def down(*, folder: Folder = None, json: Json = False) -> int:
    """Stop what `up` started; the data stay."""
    with _errors_as_messages() as stack:
        started = stack.status(folder or stack.default_folder())
    pids = {} if started is None else started.pids
    if started is not None:
        started.down()
    if json:
        _print({"stopped": sorted(pids)})
    _messages().print(f"Stopped: {', '.join(sorted(pids))}." if pids else "Nothing was running.")
    return 0


@app.command
def status(*, folder: Folder = None, json: Json = False) -> int:
    """Tell what runs, and where. Exit code 1 when something doesn't."""
    with _errors_as_messages() as stack:
        started = stack.status(folder or stack.default_folder())
    if started is None:
        if json:
            _print({})
        _messages().print("Nothing was started here. Start it with: bellwether stack up")
        return FINDINGS
    _print(_as_data(started) if json else _as_text(started))
    return 0 if started.is_running() else FINDINGS


@contextmanager
def _errors_as_messages() -> Iterator[ModuleType]:
    """Gives the stack's package, and turns its errors into a message and exit code 3.

    The package is an extra, absent from a worker's image; the command's help must work there all the same.
    """
    try:
        stack = import_module("agents.stack")
    except ModuleNotFoundError as error:
        _give_up(f"{error}. The local stack is an extra: pip install 'bellwether[stack]'")
    try:
        yield stack
    except (stack.StackError, OSError) as error:
        _give_up(str(error))


def _give_up(message: str) -> NoReturn:
    _messages().print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(OUT_OF_REACH)


def _messages() -> Console:
    return Console(stderr=True)


def _print(result: dict[str, object] | str) -> None:
    """The result, on stdout: text as it is, anything else as JSON."""
    sys.stdout.write(result if isinstance(result, str) else msgspec.json.encode(result).decode() + "\n")


def _as_data(stack: "Stack") -> dict[str, object]:
    parts = {"kafka": stack.kafka_part, "redis": stack.redis_part}
    rows = {
        name: {"address": part.address, "running": part.is_running(), "pid": stack.pids.get(name)}
        for name, part in parts.items()
    }
    return {**rows, "folder": str(stack.folder)}


def _as_text(stack: "Stack") -> str:
    """One line a part, in the form of an environment file; a `#` tells what doesn't run."""
    parts = {"BELLWETHER_KAFKA": stack.kafka_part, "BELLWETHER_REDIS": stack.redis_part}
    return "".join(
        f"{'' if part.is_running() else '# not running: '}{name}={part.address}\n" for name, part in parts.items()
    )
