"""The command line: one file per command, each imported only when it is asked for."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from cyclopts import App, CycloptsError

from agents.cli.output import USAGE, CommandError, message

COMMANDS: dict[str, str] = {
    "backtest": "What other rules would have decided on the same history.",
    "config": "Check the rules, and put a version of them into the journal.",
    "customer": "A customer's timeline and state, and why nothing was sent.",
    "demo": "See it work: customers, events and decisions on this machine.",
    "dlq": "Dead letters: counted, shown, and taken in once more.",
    "docs": "Write the pages and schemas that come from the code.",
    "explain": "Why a decision was made, or why nothing was sent.",
    "forget": "Erase a customer.",
    "generate": "Make labelled source records from a seed.",
    "guard": "Triggers that were held as running away, and their release.",
    "journal": "Write the journal to a file.",
    "learn": "Propose a config version from what came of decisions.",
    "replay": "Decide again from a file, without Kafka.",
    "report": "What came of decisions: precision, acceptance, uplift, silence.",
    "send": "Send source records from a file to their topics.",
    "sources": "Try on a file what becomes of a source's records.",
    "stack": "Kafka and Redis on this machine, without Docker.",
    "state": "Make the customers' states anew from the journal.",
    "topics": "Create the topics, check them, or describe them to other tools.",
    "verify": "Hold everything on the log against the journal, decided again.",
    "worker": "Run workers, and restart those that stop.",
}
HELP = """Fraud checks and retention actions from a bank's or retailer's Kafka, each exactly once.

For example:

    bellwether demo
    bellwether topics create
    bellwether config check --config config
    bellwether replay --input records.jsonl --output decisions.jsonl

Addresses come from the environment: BELLWETHER_KAFKA, BELLWETHER_REDIS, BELLWETHER_HTTP, BELLWETHER_CONFIG;
TLS and passwords, too: docs/deployment.md.
Exit codes: 0 fine, 1 findings, 2 usage, 3 Kafka or Redis out of reach, 77 not let in by them.
"""


def _version() -> str:
    try:
        return version("bellwether")
    except PackageNotFoundError:
        return "not installed: run from a checkout"


def root(*asked: str) -> App:
    """The root app. Commands are named here and imported when one is asked for, so that help comes at once.

    Args:
        asked: the command that will run; it is imported now, so that its help is its own and not the line above.
            All of them, to document them.
    """
    built = App(name="bellwether", help=HELP, help_format="plaintext", version=_version)
    for name, line in COMMANDS.items():
        if name in asked:
            built.command(import_module(f"agents.cli.{name}").app)
        else:
            built.command(f"agents.cli.{name}:app", name=name, help=line)
    built.register_install_completion_command()
    return built


app = root()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code. `arguments`: without the program's name; None: the process's own."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        root(*[word for word in words if word in COMMANDS][:1])(words, exit_on_error=False)
    except CycloptsError:  # told already
        sys.exit(USAGE)
    except CommandError as error:
        message(str(error), style="red")
        sys.exit(error.code)
