"""`python -m agents.demo.quality`: how well the shipped rules find what was planted, trigger by trigger.

Several seeds, each in the order of arrival (late and repeated records among them) and in the order of event time. The
rules decide in this process, without Kafka. Exit code 1 when a trigger is below what is asked of it.
"""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.progress import track

from agents import config_files, settings
from agents.cli.output import print_json, print_table
from agents.demo.commit import commit
from agents.demo.generator import generate
from agents.demo.quality_page import Part, as_markdown
from agents.demo.scoring import FALSE_CHECKS_PER_10_000_MAX, ORDERS, Order, Outcome, measure
from streams.config import Config

RESULT = Path("docs/results/quality.md")
GATE, MORE = "The gate", "More seeds"

app = App(name="quality", help="Precision and recall of every trigger on planted situations.", help_format="plaintext")


@app.default
def quality(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    events: Annotated[int, Parameter(help="Of each data set, about.")] = 150_000,
    seeds: Annotated[tuple[int, ...], Parameter(help="One data set for each.", consume_multiple=True)] = (1, 2, 3),
    more: Annotated[tuple[int, ...], Parameter(help="More of them, told of apart.", consume_multiple=True)] = (),
    folder: Annotated[Path, Parameter(name="--config", help="The rules.")] = settings.PACKAGED_CONFIG,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print it as JSON.")] = False,
    save: Annotated[bool, Parameter(negative="", help=f"Write {RESULT}.")] = False,
) -> int:
    """Decide, compare, and tell what was missed, what was said instead, and what the false alarms fell for."""
    rules, checked_out = config_files.load(folder), commit()
    parts = [_decide(title, some, events, rules) for title, some in ((GATE, seeds), (MORE, more)) if some]
    if json:
        print_json(
            [{"part": one.title, "rows": one.rows, "false_checks_per_10_000": one.false_checks} for one in parts]
        )
    else:
        for part in parts:
            _show(part)
    if save:
        RESULT.write_text(as_markdown(parts, " ".join(sys.argv[1:]), checked_out, rules.version), encoding="utf-8")
    is_good = all(row.is_good for part in parts for row in part.rows)
    return int(not is_good or any(part.false_checks > FALSE_CHECKS_PER_10_000_MAX for part in parts))


def _decide(title: str, seeds: tuple[int, ...], events: int, rules: Config) -> Part:
    outcomes: dict[Order, list[Outcome]] = {order: [] for order in ORDERS}
    runs = [(order, seed) for order in ORDERS for seed in seeds]
    for order, seed in track(runs, title, disable=not sys.stderr.isatty()):
        outcomes[order].append(measure(generate(events, seed), rules, order))
    return Part(title, outcomes)


def _show(part: Part) -> None:
    columns = ("trigger", "order", "planted", "found", "false alarms", "repeated", "precision", "recall", "")
    print_table(
        columns,
        [
            (
                *(row.trigger, row.order, row.planted, row.found, row.false_alarms, row.repeated),
                *(f"{row.precision:.3f}", f"{row.recall:.3f}", "ok" if row.is_good else "TOO LOW"),
            )
            for row in part.rows
        ],
    )
    sys.stdout.write(f"\n{part.false_checks} false fraud checks per 10,000 card transactions\n")
    arrived = part.outcomes["arrival"]
    sys.stdout.write(f"{sum(one.events for one in arrived):,} events in {len(arrived)} data sets\n")
    for line in part.told():
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    app()
