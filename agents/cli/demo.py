"""`bellwether demo`: see it work, on this machine, from nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents.cli.output import (
    FINDINGS,
    FINE,
    OUT_OF_REACH,
    USAGE,
    CommandError,
    Json,
    message,
    print_json,
    quiet_kafka,
)
from agents.demo import interrupts

if TYPE_CHECKING:
    from agents.demo.run import Ended

INTERRUPTED = 130  # as shells have it

app = App(
    name="demo",
    help="""See it work: a year of made-up customers at high speed, and what was decided.

For example:

    bellwether demo
    bellwether demo --events 20000 --seed 7 --json
    bellwether demo --keep
    bellwether demo stop --folder FOLDER

Kafka, Redis and two workers run in a temporary folder on free ports, and are
gone afterwards. BELLWETHER_KAFKA or BELLWETHER_REDIS in the environment name
others to use instead; that Kafka must have no journal yet.
Exit code 0 only if every planted case was found, no id was published twice,
the dead letters are those planted, the workers stopped cleanly, and a replay
of the journal gives the same decisions and state, byte for byte.
""",
    help_format="plaintext",
)

Events = Annotated[int, Parameter(help="About how many records.", validator=Number(gte=1000))]
Seed = Annotated[int, Parameter(help="Another seed, other customers.")]
Keep = Annotated[bool, Parameter(negative="", help="Leave Kafka, Redis and workers running, to look around.")]
Folder = Annotated[Path, Parameter(help="The folder that `demo --keep` named.")]


@app.default
def demo(*, events: Events = 200_000, seed: Seed = 1, keep: Keep = False, json: Json = False) -> int:
    """Play made-up events through the whole of it and report."""
    with _told():
        from agents.demo import page, report, run, screen  # noqa: PLC0415 - slow to import, and help must be quick

        ended = run.run(events, seed, keep=keep, screen=screen.Screen())
        result = report.report(ended.evidence, [f"{url}/metrics" for url in ended.workers.urls])
        if json:
            print_json(result)
        else:
            page.show(result)
        for problem in result.problems:
            message(f"Not as it should be: {problem}.", style="red")
        message(_look_around(ended) if keep else _ended(result.metrics[0]))
    return FINDINGS if result.problems else FINE


@app.command
def stop(*, folder: Folder) -> int:
    """Stop what `demo --keep` left running, and remove its folder."""
    with _told():
        from agents.demo.workers import Workers  # noqa: PLC0415 - as above

        stack = import_module("agents.stack").status(folder)
        if stack is None:
            raise CommandError(f"{folder}: no demo runs there. `bellwether demo --keep` says where its own is.", USAGE)
        if workers := Workers.load(folder):
            workers.stop()
        stack.down()
    message("Stopped.")
    return FINE


@contextmanager
def _told() -> Iterator[None]:
    """Errors become messages; a request to end, whichever way it comes, is one to tidy up first.

    Raises:
        CommandError: a part can't be had, or doesn't do its own.
    """
    try:
        stack, run, workers = (import_module(f"agents.{name}") for name in ("stack", "demo.run", "demo.workers"))
        errors = import_module("aiokafka.errors")
    except ModuleNotFoundError as error:
        raise CommandError(f"{error}. The demo is an extra: pip install 'bellwether[stack]'", OUT_OF_REACH) from error
    try:
        with interrupts.heard(), quiet_kafka():
            yield
    except (stack.StackError, workers.WorkersError, OSError) as error:
        raise CommandError(str(error) or type(error).__name__, OUT_OF_REACH) from error
    except errors.KafkaError as error:
        raise CommandError(f"Kafka refused, or went away: {error}", OUT_OF_REACH) from error
    except run.NotEmptyError as error:
        raise CommandError(
            f"Kafka at {error} has a journal with entries; the demo would add made-up customers to it.\n"
            "Unset BELLWETHER_KAFKA, then the demo starts its own.",
            USAGE,
        ) from error
    except KeyboardInterrupt as error:
        raise CommandError("Interrupted; all that was started is stopped.", INTERRUPTED) from error


def _ended(metrics: str) -> str:
    return f"Metrics were at {metrics} while it ran.\nTo look around yourself: bellwether demo --keep"


def _look_around(ended: "Ended") -> str:
    stack = ended.stack
    lines = [f"  curl {url}/metrics" for url in ended.workers.urls]
    lines += [f"  BELLWETHER_KAFKA={stack.kafka} bellwether journal dump | head -3", f"  less {ended.workers.log}"]
    return "\n".join(
        ("It runs on. To look around:", *lines, "To stop it all:", f"  bellwether demo stop --folder {stack.folder}")
    )
