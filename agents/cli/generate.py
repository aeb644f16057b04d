"""`bellwether generate`: labelled data from a seed, to try the triggers on."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

OUT_OF_REACH = 3

app = App(
    name="generate",
    help="""Make source records from a seed, and the list of what should be decided on them.

Examples:

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
    from agents.demo import generator  # noqa: PLC0415 - the help of other commands needn't wait for it

    messages = Console(stderr=True)
    generated = generator.generate(events, seed)
    encode = msgspec.json.Encoder().encode
    try:
        output.mkdir(parents=True, exist_ok=True)
        with (output / "records.jsonl").open("wb") as file:
            file.writelines(encode(record) + b"\n" for record in generated.records)
        (output / "truth.json").write_bytes(msgspec.json.format(encode(generated.truth)) + b"\n")
    except OSError as error:
        messages.print(f"Can't write to {output}: {error.strerror}. Name a folder with --output.", markup=False)
        return OUT_OF_REACH
    plants = sum(case.kind == "plant" for case in generated.truth.cases)
    sys.stdout.write(f"{output / 'records.jsonl'}\n{output / 'truth.json'}\n")
    messages.print(
        f"{generated.truth.customers} customers, {plants} planted cases, seed {seed}.", markup=False, highlight=False
    )
    return 0
