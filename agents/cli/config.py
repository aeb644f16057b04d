"""`bellwether config`: check the rules, and put versions of them into the journal."""

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents import config_files
from agents import sources as source_files
from agents.cli.config_output import print_changes, print_history, print_modes
from agents.cli.folders import Folder, read
from agents.cli.output import FINDINGS, FINE, USAGE, CommandError, Json, message, on_kafka, print_json, settings
from agents.config_parts import ConfigError
from streams import config as configs
from streams.config import Config
from streams.config_diff import Change, differences
from streams.journal import ConfigVersion
from streams.sources import Sources

if TYPE_CHECKING:
    from agents.config_versions import Applied, History

app = App(
    name="config",
    help="""Check triggers.yaml, policy.yaml and sources.yaml, and put versions of the rules into the journal.

For example:

    bellwether config check
    bellwether config diff
    bellwether config diff ./try-out --against 4f1c0a93be12
    bellwether config apply --config ./try-out --note "smaller test amounts, ticket 2041"
    bellwether config history
    bellwether config rollback

What is live is what the journal says last. docs/change-a-rule.md goes through it step by step.
""",
    help_format="plaintext",
)

AtMs = Annotated[
    int | None, Parameter(help="Time of the entry, ms since the epoch. Default: now.", validator=Number(gte=0))
]
Note = Annotated[str, Parameter(help="Why, kept in the journal. Write no personal data of customers here.")]
By = Annotated[str | None, Parameter(help="Who, kept in the journal. Default: your login.")]
Again = Annotated[
    bool, Parameter(negative="", help="Append even what is live: for workers that refused it and are newer now.")
]
LIVE = "live"


@app.command
def check(*, config: Folder = None, json: Json = False) -> int:
    """Say what is wrong with the rules and the sources; if nothing is, the rules' version and each trigger's mode.

    Exit code 1 when something is wrong.
    """
    folder = config or settings().config
    try:
        rules, sources = _checked(folder)
    except ConfigError as error:
        if json:
            print_json({"problems": error.problems})
        message(str(error), style="red")
        return FINDINGS
    if json:
        told = {"version": rules.version, "policy": rules.policy, "triggers": rules.triggers}
        print_json(told | {"sources": sources.names, "problems": []})
    else:
        print_modes(rules)
    message(f"{folder}: fine, version {rules.version}, {len(sources.names)} sources. Next: bellwether config diff")
    return FINE


def _checked(folder: Path) -> tuple[Config, Sources]:
    """The rules and sources of a folder.

    Raises:
        ConfigError: says what is wrong with both.
    """
    problems = []
    for load in (config_files.load, source_files.load):
        try:
            load(folder)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return config_files.load(folder), source_files.load(folder)


@app.command
def diff(
    folder: Annotated[Path | None, Parameter(help="Folder with triggers.yaml.")] = None,
    /,
    *,
    against: Annotated[str, Parameter(help="A version of the journal, or `live`.")] = LIVE,
    json: Json = False,
) -> int:
    """Say what decides differently under the rules of a folder than under a version of the journal.

    Unchanged parameters are left out. Exit code 1 when they differ.
    """
    rules, history = read(folder), _history()
    old = _live_rules(history) if against == LIVE else _rules(_version(history, against))
    changes = differences(old, rules)
    if json:
        print_json({"old": old.version, "new": rules.version, "changes": changes})
    else:
        print_changes(changes)
    message(f"{len(changes)} differences." if changes else f"No difference: version {rules.version}.")
    return FINDINGS if changes else FINE


@app.command
def apply(  # noqa: PLR0913 - each is an option of the command
    *,
    config: Folder = None,
    note: Note = "",
    by: By = None,
    at_ms: AtMs = None,
    again: Again = False,
    json: Json = False,
) -> int:
    """Check the rules and append them as one version to every journal partition, in one transaction.

    Shows what changes. From that entry on they decide. What is live already isn't appended again. Exit code 1 when
    something is wrong with the rules, or there is no journal; nothing changes then.
    """
    rules = read(config)
    entry = _entry(rules.version, configs.encode(rules), note, by, at_ms)
    return _append(entry, _history(), again=again, json=json)


@app.command
def history(*, json: Json = False) -> int:
    """Tell which versions were applied, oldest first: when, by whom, why, and where in each journal partition."""
    found = _history()
    live = found.live
    if json:
        rows = [msgspec.structs.asdict(one.entry) | {"positions": one.positions} for one in found.applied]
        shown = [{name: value for name, value in row.items() if name != "content"} for row in rows]
        print_json({"live": live.version if live else None, "applied": shown})
    else:
        print_history(found)
    if not found.applied:
        message("No version was applied yet: every trigger is off. Next: bellwether config apply")
    return FINE


@app.command
def rollback(
    version: Annotated[
        str | None, Parameter(help="Its name, or how it begins. Default: the one before the live.")
    ] = None,
    /,
    *,
    note: Note = "",
    by: By = None,
    at_ms: AtMs = None,
    json: Json = False,
) -> int:
    """Append an earlier version again, as it stands in the journal. Exit code 1 when there is none that fits."""
    found = _history()
    earlier = found.before if version is None else _version(found, version)
    if earlier is None:
        raise CommandError("There is no earlier version in the journal. See: bellwether config history", FINDINGS)
    _rules(earlier)
    entry = _entry(earlier.version, earlier.entry.content, note or f"rollback to {earlier.version}", by, at_ms)
    return _append(entry, found, again=False, json=json)


def _history() -> "History":
    kafka = settings().kafka
    from agents import config_versions  # noqa: PLC0415 - a check needs no Kafka, and shouldn't wait for its library

    return on_kafka(kafka, config_versions.read(kafka))


def _version(found: "History", name: str) -> "Applied":
    several = found.named(name)
    if len(several) != 1:
        what = f"{len(several)} versions begin with {name!r}" if several else f"The journal has no version {name!r}"
        raise CommandError(f"{what}. See: bellwether config history", USAGE)
    return several[0]


def _rules(one: "Applied") -> Config:
    try:
        return configs.decode(one.entry.content, one.version)
    except msgspec.ValidationError as error:
        raise CommandError(f"Version {one.version} doesn't fit this release: {error}.", FINDINGS) from error


def _live_rules(found: "History") -> Config:
    """What decides now; before the first version everything is off."""
    return _rules(found.live) if found.live else configs.build({})


def _entry(version: str, content: bytes, note: str, by: str | None, at_ms: int | None) -> ConfigVersion:
    return ConfigVersion(version, content, int(time.time() * 1000) if at_ms is None else at_ms, note, login(by))


def login(by: str | None) -> str:
    """Who asked for it: as said, else by the machine's own account."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""


def _append(entry: ConfigVersion, found: "History", *, again: bool, json: bool) -> int:
    """Show what an entry changes and append it, unless it is live."""
    is_live = found.live is not None and found.live.version == entry.version and not again
    changes = _changes(found, entry)
    partitions = 0
    if not is_live:
        kafka = settings().kafka
        from agents import config_apply  # noqa: PLC0415 - as above

        partitions = on_kafka(kafka, config_apply.append_again(kafka, entry))
    if json:
        told = {"version": entry.version, "at_ms": entry.at_ms, "partitions": partitions, "changes": changes}
        print_json(told)
    else:
        print_changes(changes)
    if is_live:
        message(f"Version {entry.version} is live already; nothing was appended.")
    else:
        message(f"Version {entry.version} is in all {partitions} partitions of the journal.")
    return FINE


def _changes(found: "History", entry: ConfigVersion) -> list[Change]:
    try:
        old = _live_rules(found)
    except CommandError as error:  # what is live can't be read any more: the more reason to go on
        message(str(error), style="yellow")
        old = configs.build({})
    return differences(old, configs.decode(entry.content, entry.version))
