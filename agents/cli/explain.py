"""`bellwether explain`: why a decision was made, or why nothing was sent."""

from cyclopts import App

from agents.cli.output import FINDINGS, FINE, CommandError, Json, print_json
from agents.cli.why import From, ask, show
from agents.why.explain import NotTheSame, explain
from agents.why.explained import sections

app = App(
    name="explain",
    help="""Why a decision was made, or why nothing was sent: recomputed from the journal.

For example:

    bellwether explain 450705e1-c3d1-5ad0-8ae4-ac78be9b56f0
    bellwether explain 450705e1-c3d1-5ad0-8ae4-ac78be9b56f0 --json
    bellwether explain 450705e1-c3d1-5ad0-8ae4-ac78be9b56f0 --from journal.jsonl

The id is a decision's (`id`, and the header `ce_id`), whatever came of it. The customer's partition of the journal is
decided again, so the explanation can't differ from what happened. It shows customers' data.
""",
    help_format="plaintext",
)


@app.default
def why(decision: str, /, *, dumps: From = None, json: Json = False) -> int:
    """Explain one decision."""
    try:
        told = ask(dumps, lambda journal: explain(journal, decision))
    except NotTheSame as error:
        raise CommandError(
            f"Decision {decision} was published, but the journal doesn't lead to it: another release decided, or the "
            "journal's beginning is gone. bellwether verify says more.",
            FINDINGS,
        ) from error
    if told is None:
        raise CommandError(
            f"No decision has the id {decision}. Is it a decision's, not an event's? Is it older than the topic of "
            "decisions, or than the journal? An older dump still has it: --from FILES.",
            FINDINGS,
        )
    if json:
        print_json(told)
    else:
        show(sections(told))
    return FINE
