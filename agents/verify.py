"""Compares what a run left on Kafka with the oracle: the same engine over the same journal, in one process.

What must hold: every source record became exactly one journal entry or dead letter; every decision and action is on its
topic exactly once, byte for byte, in order; every customer's state in the changelog is the oracle's. Outputs alone
don't show a doubled event: states do.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable

import aiokafka
from msgspec import Struct, field

from agents import journal_dump
from agents.kafka_reader import committed_positions, committed_records, read_table
from agents.replay import Replay
from agents.unit_of_work import Place
from streams import actions, topics
from streams.actions import Decision
from streams.journal import EventEntry, Source

SHOWN_MAX = 5
TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER = (
    f"__connect.errors.{name}" for name in ("topic", "partition", "offset")
)
ACTION_TOPICS = (topics.DECISIONS.name, topics.FRAUD_CHECK_ACTIONS.name, topics.RETENTION_ACTIONS.name)
Published = dict[tuple[str, int], list[bytes]]


class Report(Struct):
    """What was found; `problems` counts by kind, `examples` names the first few.

    Attributes:
        sources, journaled, dead_letters: records.
        decisions: published ones, by trigger and outcome.
    """

    sources: int = 0
    journaled: int = 0
    dead_letters: int = 0
    customers: int = 0
    decisions: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, problem: str, found: Iterable[object]) -> None:
        """Add what was found of a kind of problem, if anything."""
        listed = [str(one) for one in found]
        if listed:
            self.problems[problem] = self.problems.get(problem, 0) + len(listed)
            self.examples.setdefault(problem, []).extend(listed[:SHOWN_MAX])


async def verify(kafka: str) -> Report:
    """Read everything and compare. The workers should have nothing left to do, or the end will differ."""
    report, replay = Report(), Replay()
    taken_in: Counter[Source] = Counter()
    expected: Published = {}
    async for number, record in journal_dump.read(kafka):
        if isinstance(record.entry, EventEntry):
            report.journaled += 1
            taken_in[record.entry.source] += 1
        for decision in replay.apply(number, record):
            _expect(expected, number, decision)
    await _check_published(kafka, expected, report)
    await _check_states(kafka, replay, report)
    await _check_sources(kafka, taken_in, report)
    return report


async def settled(kafka: str) -> bool:
    """Whether the workers have nothing left to read: beyond what the group committed there are no records."""
    names = (*(topic.name for topic in topics.SOURCES), topics.JOURNAL.name)
    places = [Place(name, number) for name in names for number in range(topics.PARTITIONS)]
    positions = await committed_positions(kafka, topics.APP, places)
    async for _ in committed_records(kafka, places, positions):
        return False
    return True


def _expect(expected: Published, number: int, decision: Decision) -> None:
    value = actions.encode_decision(decision)
    for topic in actions.destinations(decision):
        expected.setdefault((topic, number), []).append(value)


async def _check_published(kafka: str, expected: Published, report: Report) -> None:
    published: Published = {}
    async for record in _records(kafka, ACTION_TOPICS):
        published.setdefault((record.topic, record.partition), []).append(record.value)
    for place in expected.keys() | published.keys():
        wanted, found = Counter(expected.get(place, ())), Counter(published.get(place, ()))
        report.note("decisions missing", (_name(value) for value in (wanted - found)))
        report.note("decisions too many", (_name(value) for value in (found - wanted)))
        if wanted == found and expected.get(place) != published.get(place):
            report.note("decisions out of order", [place])
    values = [value for (topic, _), some in published.items() if topic == topics.DECISIONS.name for value in some]
    decided = [actions.decode_decision(value) for value in values]
    report.decisions = dict(Counter(f"{decision.trigger} {decision.outcome}" for decision in decided))
    ids = Counter(decision.id for decision in decided)
    report.note("decision ids doubled", (identity for identity, count in ids.items() if count > 1))


async def _check_states(kafka: str, replay: Replay, report: Report) -> None:
    tables = await read_table(kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))
    for number, table in tables.items():
        oracle = replay.tables.get(number, {})
        report.customers += len(oracle)
        report.note("states wrong", (key for key in table.keys() | oracle.keys() if table.get(key) != oracle.get(key)))


async def _check_sources(kafka: str, taken_in: Counter[Source], report: Report) -> None:
    async for record in _records(kafka, (topics.DEAD_LETTERS.name,)):
        headers = {name: value.decode() for name, value in record.headers}
        source = Source(headers[TOPIC_HEADER], int(headers[PARTITION_HEADER]), int(headers[OFFSET_HEADER]))
        taken_in[source] += 1
        report.dead_letters += 1
    report.note("source records taken in twice", (source for source, count in taken_in.items() if count > 1))
    missing = []
    async for record in _records(kafka, [topic.name for topic in topics.SOURCES]):
        report.sources += 1
        source = Source(record.topic, record.partition, record.offset)
        if not taken_in[source]:
            missing.append(source)
    report.note("source records lost", missing)


async def _records(kafka: str, names: Iterable[str]) -> AsyncIterator[aiokafka.ConsumerRecord]:
    places = [Place(name, number) for name in names for number in range(topics.PARTITIONS)]
    async for _, records in committed_records(kafka, places):
        for record in records:
            yield record


def _name(value: bytes) -> str:
    decision = actions.decode_decision(value)
    return f"{decision.trigger} {decision.action} {decision.outcome} {decision.id}"
