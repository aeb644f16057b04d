"""`bellwether generate`: labelled data from a seed, to try the triggers on."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents.cli.output import FINE, USAGE, CommandError, message
from agents.demo import generator

app = App(
    name="generate",
    help="""Make source records from a seed, and the list of what should be decided on them.

For example:

    bellwether generate --events 200000 --seed 7 --output demo-data

Writes records.jsonl (one record a line, in the order of arrival) and truth.json (the planted cases). The same seed and
size give the same bytes.
""",
    help_format="plaintext",
)

Events = Annotated[int, Parameter(help="About how many records.", validator=Number(gte=1))]
Seed = Annotated[int, Parameter(help="Another seed, other customers.")]
Output = Annotated[Path, Parameter(help="Folder for the two files; made if it isn't there.")]


@app.default
def generate(*, output: Output, events: Events = 200_000, seed: Seed = 1) -> int:
    """Write the records and their labels."""
    generated = generator.generate(events, seed)
    try:
        _write(generated, output)
    except OSError as error:
        raise CommandError(f"Can't write to {output}: {error.strerror}. Name a folder with --output.", USAGE) from error
    plants = sum(case.kind == "plant" for case in generated.truth.cases)
    sys.stdout.write(f"{output / 'records.jsonl'}\n{output / 'truth.json'}\n")
    message(f"{generated.truth.customers} customers, {plants} planted cases, seed {seed}.")
    return FINE


def _write(generated: generator.Generated, folder: Path) -> None:
    encode = msgspec.json.Encoder().encode
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "records.jsonl").open("wb") as file:
        file.writelines(encode(record) + b"\n" for record in generated.records)
    (folder / "truth.json").write_bytes(msgspec.json.format(encode(generated.truth)) + b"\n")
