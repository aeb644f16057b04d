"""`bellwether topics`: make the topics, or say what is wrong with them."""

import sys
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from agents import topic_admin
from agents.cli.folders import sources
from agents.cli.output import FINDINGS, FINE, Json, message, on_kafka, print_json, print_table, settings

app = App(
    name="topics",
    help="""Create the topics that Bellwether reads and writes, check them, or describe them to other tools.

For example:

    bellwether topics create
    bellwether topics create --replication-factor 3
    bellwether topics check --json
    bellwether topics asyncapi > asyncapi.json
""",
    help_format="plaintext",
)

ReplicationFactor = Annotated[int, Parameter(help="Copies of each partition.", validator=Number(gte=1))]


@app.command
def create(*, replication_factor: ReplicationFactor = 1, json: Json = False) -> int:
    """Create the topics that aren't there; those that are stay as they are, so it can be run again."""
    kafka = settings().kafka
    created = on_kafka(kafka, topic_admin.create(kafka, sources(), replication_factor=replication_factor))
    if json:
        print_json({"created": created})
    else:
        print_table(("created",), [[name] for name in created])
    message(f"{len(created)} topics created. Next: bellwether topics check")
    return FINE


@app.command
def check(*, json: Json = False) -> int:
    """Compare the topics with the catalogue: partitions, clean-up policy, retention. Exit code 1 with findings."""
    kafka = settings().kafka
    findings = on_kafka(kafka, topic_admin.check(kafka, sources()))
    if json:
        print_json({"findings": findings})
    elif findings:
        rows = [(one.topic, one.aspect, one.expected, one.found, one.remedy) for one in findings]
        print_table(("topic", "aspect", "expected", "found", "remedy"), rows)
    message(f"{len(findings)} findings." if findings else "All topics are as they should be.")
    return FINDINGS if findings else FINE


@app.command
def asyncapi() -> int:
    """Print an AsyncAPI 3.0 document of all topics: who writes, keys, headers, and the schema of each message."""
    from agents.pages.reference import topics_document  # noqa: PLC0415 - it imports what create and check don't need

    sys.stdout.write(topics_document())
    return FINE
