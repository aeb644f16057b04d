"""`bellwether learn`: a proposal for the next config version, with the evidence for each change."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from cyclopts import App, Parameter

from agents import config_files, yaml_file
from agents.cli.folders import Folder
from agents.cli.output import FINE, USAGE, CommandError, Json, message, print_json, print_table, settings
from agents.cli.report import Input, ledger
from agents.config_files import POLICY_FILE, TRIGGERS_FILE
from agents.config_parts import ConfigError

if TYPE_CHECKING:
    from agents.report.lessons import Lesson

app = App(
    name="learn",
    help="""Propose a new config version from verdicts and responses: thresholds, figures of offers. Nothing is applied.

For example:

    bellwether learn
    bellwether learn --output proposed
    bellwether config check --config proposed

A figure of an offer is proposed anew when the responses contradict it: it lies outside of their 95 % interval. A fraud
threshold is raised when that spares honest cardholders and still meets 95 % of the known frauds.
""",
    help_format="plaintext",
)

Output = Annotated[Path | None, Parameter(help="Folder to write the proposed triggers.yaml and policy.yaml into.")]


@app.default
def learn(*, input: Input = None, config: Folder = None, output: Output = None, json: Json = False) -> int:  # noqa: A002 - the option's name
    """Say what to change, and write it down if asked to."""
    from agents.report.lessons import known, lessons  # noqa: PLC0415 - slow to import, and help must be quick

    folder = config or settings().config
    try:
        rules = config_files.load(folder)
        read = ledger(input)
        found = lessons(read, rules)
    except ConfigError as error:
        raise CommandError(str(error), USAGE) from error
    if json:
        print_json(found)
    elif found:
        print_table(
            ("change", "now", "proposed", "evidence"),
            [(one.path, one.now, one.proposed, one.evidence) for one in found],
        )
    if not found:
        message(f"Nothing to propose: what is known so far doesn't contradict the config.\n{known(read)}")
    elif output is not None:
        _write(folder, output, found)
        message(f"Written to {output}. Look at it, then: bellwether config check --config {output}")
    return FINE


def _write(folder: Path, output: Path, found: list["Lesson"]) -> None:
    """Both files with the changes, each with its evidence beside it; the comments of the old ones stay there."""
    from agents.report.lessons import proposed  # noqa: PLC0415 - as above

    output.mkdir(parents=True, exist_ok=True)
    for name in (TRIGGERS_FILE, POLICY_FILE):
        old = folder / name
        document: dict[str, Any] = yaml_file.read(old.read_bytes()).value if old.exists() else {}
        key = name.removesuffix(".yaml")
        own = [one for one in found if one.path.partition(".")[0] == key]
        text = yaml.safe_dump(proposed(own, {key: document.get(key) or {}}), sort_keys=False, allow_unicode=True)
        (output / name).write_text(_annotated(text, own), encoding="utf-8")


def _annotated(text: str, found: list["Lesson"]) -> str:
    """The evidence at the end of each changed line."""
    places = yaml_file.read(text.encode()).lines
    lines = text.splitlines()
    for one in found:
        lines[places[f"$.{one.path}"] - 1] += f"  # was {one.now}: {one.evidence}"
    return "\n".join(lines) + "\n"
