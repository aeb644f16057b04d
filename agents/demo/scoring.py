"""Generated data decided in this process, without Kafka, and each trigger's figures over several data sets."""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from agents.demo import truth
from agents.demo.generator import Generated, SourceRecord
from agents.demo.timeline import HOUR_MS
from agents.demo.truth import ALL_ACTIONS, Truth
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
_DECODERS: dict[str, msgspec.json.Decoder[AnyEvent]] = {
    source.name: msgspec.json.Decoder(source.carries) for source in topics.SOURCES
}


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
    happened = by_arrival(records) if order == "arrival" else _by_event_time(records)
    offset = ticked_ms = 0
    for at_ms, topic, event in happened:
        if at_ms >= ticked_ms + HOUR_MS:
            offset, ticked_ms = offset + 1, at_ms // HOUR_MS * HOUR_MS
            yield JournalRecord(offset, Tick(ticked_ms))
        offset += 1
        yield JournalRecord(offset, EventEntry(event, Source(topic, 0, offset)))


def by_arrival(records: Iterable[SourceRecord]) -> Iterator[tuple[int, str, AnyEvent]]:
    """When each record arrives, its topic, and its event."""
    for record in records:
        yield record.timestamp, record.topic, _DECODERS[record.topic].decode(bytes(record.value))


def _by_event_time(records: Iterable[SourceRecord]) -> Iterator[tuple[int, str, AnyEvent]]:
    once = {event.id: (event.at_ms, topic, event) for _, topic, event in by_arrival(records)}
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
