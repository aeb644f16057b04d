"""The quality gate's figures as a page."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from agents.demo.disagreements import told
from agents.demo.scoring import ORDERS, RECALL_MIN, Order, Outcome, Row, false_checks_per_10_000, rows_of
from agents.demo.timeline import MONTHS


class Part(Struct, frozen=True):
    """Some data sets, decided in both orders."""

    title: str
    outcomes: dict[Order, list[Outcome]]

    @property
    def rows(self) -> list[Row]:
        """Each trigger's figures, in both orders."""
        return [row for order in ORDERS for row in rows_of(self.outcomes[order], order)]

    @property
    def false_checks(self) -> float:
        """Cardholders asked for nothing, per 10,000 card transactions, in the worse order."""
        return max(false_checks_per_10_000(several) for several in self.outcomes.values())

    def told(self) -> Iterator[str]:
        """What was missed, and what was a false alarm, once for both orders."""
        lines = (
            line
            for order in ORDERS
            for outcome in self.outcomes[order]
            for line in told(outcome.labels, outcome.score, outcome.decisions)
        )
        yield from dict.fromkeys(lines)


ABOUT = f"""\
Made-up customers of five industries over {MONTHS} months; what should be decided was planted with them, and so were
situations that look alike and aren't. Each data set is decided in the order of arrival, with late and repeated records,
and in the order of event time. Asked for: precision and recall of at least {RECALL_MIN} for each trigger, no case
answered twice, at most one false fraud check in 10,000 card transactions. The labels know the rules' own waiting times:
the figures show that the rules do what is written, not that real customers do.
"""


def as_markdown(parts: Sequence[Part], options: str, commit: str, rules: str) -> str:
    """As a page, made with these options."""
    made = f"`python -m agents.demo.quality {options}`, commit {commit}, config version {rules}.\n"
    return "\n".join(["# Quality\n", made, ABOUT, *(line for part in parts for line in _part(part))]) + "\n"


def _part(part: Part) -> Iterator[str]:
    events = sum(outcome.events for outcome in part.outcomes["arrival"])
    seeds = ", ".join(str(outcome.labels.seed) for outcome in part.outcomes["arrival"])
    yield f"## {part.title}\n"
    yield f"Seeds {seeds}: {events:,} events in order of arrival; {part.false_checks} false fraud checks per 10,000.\n"
    yield "| trigger | order | planted | found | false alarms | precision | recall |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for row in sorted(part.rows, key=lambda one: one.trigger):
        figures = f"{row.planted} | {row.found} | {row.false_alarms} | {row.precision:.3f} | {row.recall:.3f}"
        yield f"| {row.trigger} | {row.order} | {figures} |"
    lines = list(part.told())
    yield f"\n{'Missed, and false alarms:' if lines else 'Nothing was missed, and nothing was a false alarm.'}\n"
    yield from (f"- {line}" for line in lines)
    yield ""
