"""`bellwether customer`: a customer's timeline and state, and why nothing was sent."""

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents.cli.output import FINDINGS, FINE, CommandError, Json, print_json
from agents.cli.why import From, ask, show
from agents.why.customer import Nowhere, tell
from agents.why.told import sections

app = App(
    name="customer",
    help="""A customer's timeline and state, what was considered and not sent, and what waits until when.

For example:

    bellwether customer c000391
    bellwether customer c000391 --last 0
    bellwether customer c000391 --from journal.jsonl --json

The customer's partition of the journal is decided again, so this can't differ from what happened. It shows customers'
data. Why one decision was made: bellwether explain.
""",
    help_format="plaintext",
)

Last = Annotated[int, Parameter(help="How much of the timeline: the last ones; 0 is all.", validator=Number(gte=0))]


@app.default
def customer(name: str, /, *, dumps: From = None, last: Last = 40, json: Json = False) -> int:
    """Tell a customer's story; --json has the whole timeline."""
    story = ask(dumps, lambda journal: tell(journal, name))
    if isinstance(story, Nowhere):
        hint = "Is it spelt as in the events? Is it older than the journal, or than the dump?"
        if story.began:
            hint = f"Is it older than the journal? That begins at offset {story.began} of partition {story.partition}."
        raise CommandError(f"No entry of the journal names a customer {name}. {hint}", FINDINGS)
    if json:
        print_json(story)
    else:
        show(sections(story, last))
    return FINE
