"""`bellwether stack`: Kafka and Redis on this machine, for a try or for development."""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    stack = _library()
    ports = {} if random_ports else {"kafka_port": KAFKA_PORT, "redis_port": REDIS_PORT}
    try:
        with _messages().status("Starting Kafka and Redis …"):
            started = stack.up(folder or stack.default_folder(), **ports)
    except (stack.StackError, OSError) as error:
        _messages().print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return OUT_OF_REACH
    _print(_as_data(started) if json else _as_text(started))
    _messages().print(f"Data and logs: {started.folder}. Stop with: bellwether stack down", highlight=False)
    return 0


@app.command
def down(*, folder: Folder = None, json: Json = False) -> int:
    """Stop what `up` started; the data stay."""
    stack = _library()
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
    stack = _library()
    started = stack.status(folder or stack.default_folder())
    if started is None:
        if json:
            _print({})
        _messages().print("Nothing was started here. Start it with: bellwether stack up")
        return FINDINGS
    _print(_as_data(started) if json else _as_text(started))
    return 0 if started.is_running() else FINDINGS


def _library() -> Any:
    """The stack's own parts are an extra, absent from a worker's image; its help must work there all the same."""
    try:
        return import_module("agents.stack")
    except ModuleNotFoundError as error:
        _messages().print(f"{error}. The local stack is an extra: pip install 'bellwether[stack]'", markup=False)
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
