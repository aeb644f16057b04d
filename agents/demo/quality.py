"""`python -m agents.demo.quality`: how well the shipped rules find what was planted, trigger by trigger.

Several seeds, each in the order of arrival (late and repeated records among them) and in the order of event time. The
rules decide in this process, without Kafka. Exit code 1 when a trigger is below what is asked of it.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter
from msgspec import Struct
from rich.progress import track

from agents import config_files, settings
from agents.cli.output import print_json, print_table
from agents.demo import truth
from agents.demo.generator import Generated, SourceRecord, generate
from agents.demo.timeline import HOUR_MS
from agents.demo.truth import ALL_ACTIONS, Case, Truth
from streams import config, topics
from streams.actions import Decision
from streams.config import Config
from streams.events import AnyEvent, CardTransaction
from streams.journal import ConfigVersion, EventEntry, Source, Tick
from streams.partition import JournalRecord, Partition
from streams.trigger import load

Order = Literal["arrival", "event time"]
ORDERS: tuple[Order, ...] = ("arrival", "event time")
RECALL_MIN = PRECISION_MIN = 0.95
FALSE_CHECKS_PER_10_000_MAX = 1.0
TOLD_MAX = 10
_DECODERS: dict[str, msgspec.json.Decoder[AnyEvent]] = {
    source.name: msgspec.json.Decoder(source.carries) for source in topics.SOURCES
}

app = App(name="quality", help="Precision and recall of every trigger on planted situations.", help_format="plaintext")


class Row(Struct, frozen=True):
    """One trigger over all seeds, in one order."""

    trigger: str
    order: Order
    planted: int
    found: int
    false_alarms: int
    repeated: int
    precision: float
    recall: float
    is_good: bool


class Outcome(Struct):
    """What one data set came to."""

    labels: Truth
    decisions: list[Decision] = []
    card_transactions: int = 0
    events: int = 0

    @property
    def score(self) -> truth.Score:
        """How far the decisions agree with the labels."""
        return truth.score(self.labels, self.decisions)


@app.default
def quality(
    *,
    events: Annotated[int, Parameter(help="Of each data set, about.")] = 150_000,
    seeds: Annotated[tuple[int, ...], Parameter(help="One data set for each.")] = (1, 2, 3),
    folder: Annotated[Path, Parameter(name="--config", help="The rules.")] = settings.PACKAGED_CONFIG,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print it as JSON.")] = False,
) -> int:
    """Decide, compare, and tell what was missed and why it is suspected."""
    rules = config_files.load(folder)
    outcomes: dict[Order, list[Outcome]] = {order: [] for order in ORDERS}
    for order, seed in track([(o, s) for o in ORDERS for s in seeds], "Deciding", disable=not sys.stderr.isatty()):
        outcomes[order].append(measure(generate(events, seed), rules, order))
    rows = [row for order in ORDERS for row in rows_of(outcomes[order], order)]
    per_10_000 = max(false_checks_per_10_000(several) for several in outcomes.values())
    if json:
        print_json({"rows": rows, "false_checks_per_10_000": per_10_000})
    else:
        _show(rows, outcomes["arrival"], per_10_000)
    return int(per_10_000 > FALSE_CHECKS_PER_10_000_MAX or not all(row.is_good for row in rows))


def measure(generated: Generated, rules: Config, order: Order) -> Outcome:
    """Decide one data set."""
    outcome, partition = Outcome(generated.truth), Partition({})
    for record in journal(generated.records, rules, order):
        if isinstance(record.entry, EventEntry):
            outcome.events += 1
            outcome.card_transactions += isinstance(record.entry.event, CardTransaction)
        batch = partition.compute([record])
        partition.adopt(batch)
        outcome.decisions += batch.decisions
    return outcome


def journal(records: Iterable[SourceRecord], rules: Config, order: Order) -> Iterator[JournalRecord]:
    """The records as one journal partition, an hour between ticks; sorted by event time there are no repeats."""
    yield JournalRecord(0, ConfigVersion(rules.version, config.encode(rules), 0))
    happened = _by_arrival(records) if order == "arrival" else _by_event_time(records)
    offset = ticked_ms = 0
    for at_ms, topic, event in happened:
        if at_ms >= ticked_ms + HOUR_MS:
            offset, ticked_ms = offset + 1, at_ms // HOUR_MS * HOUR_MS
            yield JournalRecord(offset, Tick(ticked_ms))
        offset += 1
        yield JournalRecord(offset, EventEntry(event, Source(topic, 0, offset)))


def _by_arrival(records: Iterable[SourceRecord]) -> Iterator[tuple[int, str, AnyEvent]]:
    for record in records:
        yield record.timestamp, record.topic, _DECODERS[record.topic].decode(bytes(record.value))


def _by_event_time(records: Iterable[SourceRecord]) -> Iterator[tuple[int, str, AnyEvent]]:
    once = {event.id: (event.at_ms, topic, event) for _, topic, event in _by_arrival(records)}
    yield from sorted(once.values(), key=lambda one: (one[0], one[2].id))


def rows_of(outcomes: list[Outcome], order: Order) -> Iterator[Row]:
    """Each trigger's figures over all data sets; a trigger for which nothing is planted is no good: nobody knows."""
    scored = [row for outcome in outcomes for row in outcome.score.rows if row.action == ALL_ACTIONS]
    for name in load():
        own = [row for row in scored if row.trigger == name]
        planted, found = sum(row.planted for row in own), sum(row.found for row in own)
        false_alarms, repeated = sum(row.false_alarms for row in own), sum(row.repeated for row in own)
        recall = found / planted if planted else 0.0
        proposed = found + repeated + false_alarms
        precision = (found + repeated) / proposed if proposed else 0.0
        is_good = recall >= RECALL_MIN and precision >= PRECISION_MIN and not repeated
        yield Row(name, order, planted, found, false_alarms, repeated, round(precision, 3), round(recall, 3), is_good)


def false_checks_per_10_000(outcomes: list[Outcome]) -> float:
    """Cardholders asked for nothing, per 10,000 card transactions."""
    asked = sum(one.trigger == "card_testing" for outcome in outcomes for one in outcome.score.false_alarms)
    return round(10_000 * asked / max(1, sum(outcome.card_transactions for outcome in outcomes)), 3)


def _show(rows: list[Row], outcomes: list[Outcome], per_10_000: float) -> None:
    columns = ("trigger", "order", "planted", "found", "false alarms", "repeated", "precision", "recall", "")
    print_table(
        columns,
        [
            (
                *(row.trigger, row.order, row.planted, row.found, row.false_alarms, row.repeated),
                *(f"{row.precision:.3f}", f"{row.recall:.3f}", "ok" if row.is_good else "TOO LOW"),
            )
            for row in rows
        ],
    )
    sys.stdout.write(f"\n{per_10_000} false fraud checks per 10,000 card transactions\n")
    sys.stdout.write(f"{sum(one.events for one in outcomes):,} events in {len(outcomes)} data sets\n")
    missed = [case for outcome in outcomes for case in outcome.score.missed]
    alarms = [(outcome.labels, one) for outcome in outcomes for one in outcome.score.false_alarms]
    for case in missed[:TOLD_MAX]:
        sys.stdout.write(f"missed: {case.trigger} {case.action} for {case.customer} ({case.note})\n")
    for labels, one in alarms[:TOLD_MAX]:
        near = truth.near_miss_of(labels, one)
        why = near.note if near else _situation(labels, one.customer)
        sys.stdout.write(f"false alarm: {one.trigger} {one.action} for {one.customer} ({why}): {one.because}\n")


def _situation(labels: Truth, customer: str) -> str:
    """What was planted for that customer, if anything."""
    own: list[Case] = [case for case in labels.cases if case.customer == customer]
    return f"who has {own[0].trigger} {own[0].note}" if own else "nothing planted"


if __name__ == "__main__":
    app()
