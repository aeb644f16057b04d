"""Fills a ledger: from a running cluster, or from a dump of its journal, decided again."""

from collections.abc import Callable, Iterable

from agents import journal_dump
from agents.kafka_reader import committed_records
from agents.line_files import Line
from agents.replay import Replay, applied
from agents.report.ledger import Ledger
from agents.unit_of_work import Place
from streams import topics
from streams.actions import decode_decision
from streams.journal import ConfigVersion, Entry, EventEntry


async def from_kafka(
    kafka: str, progress: Callable[[int, int], object] = lambda *_: None, *, keeps_decisions: bool = False
) -> Ledger:
    """The decisions that were published, and the events of the journal.

    Raises:
        MissingTopic, JournalError, KafkaError, TimeoutError: see `agents.journal_dump.read`.
    """
    ledger = Ledger(keeps_decisions=keeps_decisions)
    async for _, record in journal_dump.read(kafka, progress):
        _happened(ledger, record.entry)
    places = [Place(topics.DECISIONS.name, number) for number in range(topics.DECISIONS.partitions)]
    async for _, records in committed_records(kafka, places):
        for published in records:
            ledger.decided(decode_decision(published.value or b""))
    return ledger


def from_dump(lines: Iterable[Line], *, keeps_decisions: bool = False) -> Ledger:
    """The same from a dump (`bellwether journal dump`): what was decided on a journal follows from it.

    Raises:
        ReplayError: a line isn't a dump's.
    """
    ledger = Ledger(keeps_decisions=keeps_decisions)
    for _, record, decisions in applied(lines, Replay()):
        _happened(ledger, record.entry)
        for decision in decisions:
            ledger.decided(decision)
    return ledger


def _happened(ledger: Ledger, entry: Entry) -> None:
    if isinstance(entry, EventEntry):
        ledger.happened(entry.event)
    elif isinstance(entry, ConfigVersion):
        ledger.versions[entry.version] = entry.content
