"""`bellwether forget`: erase a customer."""

import time
import uuid
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents.cli.output import FINE, USAGE, CommandError, Json, message, on_kafka, print_json, print_table, settings
from streams.events import Identifier
from streams.journal import Forget

app = App(
    name="forget",
    help="""Erase a customer: state, view in Redis and due times go, and late events don't bring them back.

For example:

    bellwether forget customer-17
    bellwether forget customer-17 --reason "letter of 3 March" --request erasure-2041
    bellwether forget customer-17 --json

The request goes into the journal; a worker carries it out when it reads it. With the same --request again, nothing
happens twice. What it doesn't erase is in docs/operations.md.
""",
    help_format="plaintext",
)

Reason = Annotated[str, Parameter(help="Why, for the journal. Write no personal data here.")]
Request = Annotated[str | None, Parameter(help="Name of the request. Default: a new one, which is printed.")]
AtMs = Annotated[
    int | None,
    Parameter(help="What happened until then is forgotten, ms since the epoch. Default: now.", validator=Number(gte=0)),
]


@app.default
def forget(
    customer: str, /, *, reason: Reason = "", request: Request = None, at_ms: AtMs = None, json: Json = False
) -> int:
    """Append a request to forget this customer to the journal."""
    asked = Forget(
        request=request or uuid.uuid4().hex,
        customer=_identifier(customer),
        at_ms=int(time.time() * 1000) if at_ms is None else at_ms,
        reason=reason,
    )
    kafka = settings().kafka
    from agents import forget as forgetting  # noqa: PLC0415 - help needs no Kafka, and shouldn't wait for its library

    partition, offset = on_kafka(kafka, forgetting.append(kafka, asked))
    told = {"request": asked.request, "at_ms": asked.at_ms, "partition": partition, "offset": offset}
    if json:
        print_json(told)
    else:
        print_table(list(told), [list(told.values())])
    message("It is in the journal. If in doubt whether it got there, repeat it with the same --request.")
    return FINE


def _identifier(customer: str) -> str:
    try:
        return msgspec.convert(customer, Identifier)
    except msgspec.ValidationError as error:
        raise CommandError(f"No customer has this name: {error}.", USAGE) from error
