"""`bellwether config`: check the rules, and put a version of them into the journal."""

import time
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents import config_files
from agents.cli.output import FINDINGS, FINE, CommandError, Json, message, on_kafka, print_json, print_table, settings
from agents.config_files import ConfigError
from streams.config import Config
from streams.trigger import load as load_triggers

app = App(
    name="config",
    help="""Check the rules in triggers.yaml and policy.yaml, and put a version of them into the journal.

For example:

    bellwether config check
    bellwether config check --config try-out --json
    bellwether config apply --config try-out
""",
    help_format="plaintext",
)

Folder = Annotated[
    Path | None, Parameter(name="--config", help="Folder with triggers.yaml. Default: BELLWETHER_CONFIG, else ours.")
]
AtMs = Annotated[
    int | None, Parameter(help="Time of the entry, ms since the epoch. Default: now.", validator=Number(gte=0))
]


@app.command
def check(*, config: Folder = None, json: Json = False) -> int:
    """Say what is wrong with the rules; if nothing is, their version and each trigger's mode.

    Exit code 1 when something is wrong.
    """
    folder = config or settings().config
    try:
        rules = config_files.load(folder)
    except ConfigError as error:
        if json:
            print_json({"problems": error.problems})
        message(str(error), style="red")
        return FINDINGS
    if json:
        print_json({"version": rules.version, "policy": rules.policy, "triggers": rules.triggers, "problems": []})
    else:
        _print_modes(rules)
    message(f"{folder}: fine, version {rules.version}. Next: bellwether config apply")
    return FINE


@app.command
def apply(*, config: Folder = None, at_ms: AtMs = None, json: Json = False) -> int:
    """Check the rules and append them as one version to every journal partition, in one transaction.

    From that entry on they decide. A version that decides already is appended all the same; it changes nothing.
    Exit code 1 when something is wrong with the rules, or there is no journal.
    """
    rules = read(config)
    kafka = settings().kafka
    from agents import config_apply  # noqa: PLC0415 - a check needs no Kafka, and shouldn't wait for its library

    at_ms = int(time.time() * 1000) if at_ms is None else at_ms
    partitions = on_kafka(kafka, config_apply.append(kafka, rules, at_ms))
    if json:
        print_json({"version": rules.version, "at_ms": at_ms, "partitions": partitions})
    else:
        _print_modes(rules)
    message(f"Version {rules.version} is in all {partitions} partitions of the journal.")
    return FINE


def read(folder: Path | None) -> Config:
    """The config of a folder, by default the environment's.

    Raises:
        CommandError: it isn't valid; says every fault.
    """
    try:
        return config_files.load(folder or settings().config)
    except ConfigError as error:
        raise CommandError(str(error), FINDINGS) from error


def _print_modes(rules: Config) -> None:
    known = load_triggers()
    print_table(
        ("trigger", "family", "mode"), [(name, known[name].family, one.mode) for name, one in rules.triggers.items()]
    )
