"""`bellwether state`: the customers' states, when the changelog was lost or damaged."""

import msgspec
from cyclopts import App

from agents.cli.output import (
    FINDINGS,
    FINE,
    CommandError,
    Json,
    message,
    on_kafka,
    print_json,
    print_table,
    progress,
    settings,
)

app = App(
    name="state",
    help="""The customers' states: make them anew from the journal.

For example:

    bellwether state rebuild
    bellwether state rebuild --json

For the day when workers end with state_refused: the changelog lost records, or has strange ones.
""",
    help_format="plaintext",
)


@app.command
def rebuild(*, json: Json = False) -> int:
    """Decide the journal again, as far as the workers got, and write the states that come of it. Publishes nothing.

    Refuses while the group has members. Exit code 1 when the states can't be rebuilt.
    """
    kafka = settings().kafka
    from agents import journal_dump  # noqa: PLC0415 - help needs no Kafka, and shouldn't wait for its library
    from agents import rebuild as rebuilding  # noqa: PLC0415 - the same

    try:
        with progress() as bar:
            task = bar.add_task("Deciding the journal again", total=None)
            work = rebuilding.rebuild(kafka, lambda done, total: bar.update(task, completed=done, total=total))
            done = on_kafka(kafka, work)
    except (rebuilding.RebuildError, journal_dump.JournalError) as error:
        raise CommandError(str(error), FINDINGS) from error
    if json:
        print_json({"partitions": done})
    else:
        print_table(rebuilding.Rebuilt.__struct_fields__, [msgspec.structs.astuple(one) for one in done])
    message("The states are those of the journal. Start the workers, then: bellwether verify")
    return FINE
