"""`bellwether guard`: triggers that suddenly sent far more than they ever did, and how they may go on."""

import time

import msgspec
from cyclopts import App
from msgspec import Struct

from agents.cli.config import AtMs, By, Note, login
from agents.cli.config_output import utc
from agents.cli.output import FINDINGS, FINE, USAGE, CommandError, Json, message, on_kafka, print_json, print_table
from agents.cli.output import settings as environment
from streams import runaway, topics
from streams.journal import Release
from streams.partition_record import RUNAWAY_KEY
from streams.trigger import load

app = App(
    name="guard",
    help="""Triggers that the guard holds since they suddenly sent far more than they ever did, and their release.

For example:

    bellwether guard show
    bellwether guard release card_testing --note "the config is rolled back"

Nothing of a held trigger is sent; its candidates are in `decisions`, suppressed with the reason `runaway`. Find out why
first: docs/runaway-guard.md.
""",
    help_format="plaintext",
)

TRANSACTIONAL_ID = "bellwether-guard"


class Row(Struct, frozen=True):
    """One trigger in one partition, by the last state that its worker wrote."""

    trigger: str
    purpose: str
    partition: int
    sent_this_hour: int
    busiest_hour: int
    held_since_ms: int | None


@app.command
def show(*, json: Json = False) -> int:
    """Tell what each trigger sent in its last hour with any and in its busiest, and which are held.

    Exit code 1 if any is.
    """
    kafka = environment().kafka
    from agents.kafka_reader import read_table  # noqa: PLC0415 - help needs no Kafka

    tables = on_kafka(kafka, read_table(kafka, topics.CHANGELOG.name, range(topics.CHANGELOG.partitions)))
    rows = [row for number, table in sorted(tables.items()) for row in _rows(number, table.get(RUNAWAY_KEY))]
    rows.sort(key=lambda row: (row.held_since_ms is None, row.trigger, row.partition))
    if json:
        print_json(rows)
    elif rows:
        print_table(
            (*Row.__struct_fields__[:-1], "held since (UTC)"),
            [(*msgspec.structs.astuple(row)[:-1], utc(row.held_since_ms)) for row in rows],
        )
    held = sorted({row.trigger for row in rows if row.held_since_ms is not None})
    message(f"Held: {', '.join(held)}. Next: bellwether guard release {held[0]}" if held else "No trigger is held.")
    return FINDINGS if held else FINE


@app.command
def release(trigger: str, /, *, note: Note = "", by: By = None, at_ms: AtMs = None, json: Json = False) -> int:
    """Append to every journal partition that a trigger may go on. Where it isn't held, that changes nothing."""
    if trigger not in load():
        raise CommandError(f"There is no trigger {trigger!r}. The triggers: {', '.join(load())}.", USAGE)
    kafka = environment().kafka
    from agents import journal_append  # noqa: PLC0415 - as above

    entry = Release(trigger, int(time.time() * 1000) if at_ms is None else at_ms, note, login(by))
    partitions = on_kafka(kafka, journal_append.everywhere(kafka, entry, TRANSACTIONAL_ID))
    if json:
        print_json({"trigger": trigger, "at_ms": entry.at_ms, "partitions": partitions})
    message(f"{trigger} may go on, from that entry of all {partitions} partitions on.")
    return FINE


def _rows(number: int, stored: bytes | None) -> list[Row]:
    watched = runaway.decode(stored) if stored else runaway.Watched()
    return [
        Row(trigger, purpose, number, rate.count, max(rate.busiest.values(), default=0), watched.held.get(trigger))
        for name, rate in watched.rates.items()
        for trigger, purpose in [name.split(" ")]
    ]
