"""Decides again from a file, without Kafka: the engine that runs live, over the same entries in the same order.

Used by `bellwether replay`, by the demo, and as the oracle that a live run is compared with.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from agents import journal_lines, source_lines
from agents.line_files import Line
from agents.source_lines import OnRejected
from agents.sources import OURS
from streams.actions import Decision
from streams.config import Config
from streams.journal import ConfigVersion
from streams.partition import Batch, JournalRecord, Partition
from streams.sources import Sources
from streams.turn import Witness

Decided = tuple[int, Decision]


class ReplayError(Exception):
    """A line that can't be replayed; the message names file and line."""


class _Kind(Struct):
    kind: str | None = None


class Replay:
    """Partitions by number, fed entry by entry. A `witness` hears of each question that the arbiter is asked.

    Attributes:
        tables: the content of each partition's changelog, the partition's own records included; continued from if it
            isn't empty.
        entries: how many were applied, by kind.
        repeated: events that their customer had seen before.
        forgotten: events from before their customer was forgotten.
        passed_over: entries at or below an offset that was applied already; nothing came of them.
        refused: config versions that don't fit this release; the one before goes on deciding, as it does live.
    """

    def __init__(self, tables: dict[int, dict[bytes, bytes]] | None = None, witness: Witness | None = None) -> None:
        self.tables = {} if tables is None else tables
        self._witness = witness
        self.entries: dict[str, int] = {}
        self.repeated = 0
        self.forgotten = 0
        self.passed_over = 0
        self.refused: set[str] = set()
        self._partitions = {number: Partition(dict(table), witness) for number, table in self.tables.items()}

    def apply(self, number: int, *records: JournalRecord) -> list[Decision]:
        """Apply entries to a partition and return their decisions, in order."""
        partition = self._partition(number)
        batch = partition.compute(records)
        partition.adopt(batch)
        self._keep(number, batch)
        self.passed_over += len(records) - sum(batch.counts.values())
        if partition.refused:
            self.refused.add(partition.refused)
        return batch.decisions

    def suppose(self, number: int, version: ConfigVersion) -> None:
        """Let a config version decide in a partition from here on, without an entry of the journal."""
        partition = self._partition(number)
        batch = partition.suppose(version)
        partition.adopt(batch)
        self._keep(number, batch)

    def _partition(self, number: int) -> Partition:
        if number not in self._partitions:
            self.tables[number], self._partitions[number] = {}, Partition({}, self._witness)
        return self._partitions[number]

    def _keep(self, number: int, batch: Batch) -> None:
        table = self.tables[number]
        for key, blob in batch.changes.items():
            if blob is None:
                table.pop(key, None)
            else:
                table[key] = blob
        for kind, count in batch.counts.items():
            self.entries[kind] = self.entries.get(kind, 0) + count
        self.repeated += batch.repeated
        self.forgotten += batch.forgotten


def is_dump(line: Line | None) -> bool:
    """Whether a file that begins with this line is a journal dump; if not, it is one of source records."""
    try:
        return line is not None and msgspec.json.decode(line.text, type=_Kind).kind is not None
    except (ValueError, RecursionError):
        return False


def replay_entries(entries: Iterable[tuple[int, JournalRecord]], replay: Replay) -> Iterator[Decided]:
    """The decisions on these entries, each with its partition, in the order of the entries."""
    for number, record in entries:
        for decision in replay.apply(number, record):
            yield number, decision


def replay_journal(lines: Iterable[Line], replay: Replay) -> Iterator[Decided]:
    """The decisions on a journal dump, in the order of its lines; rules come from its config entries.

    Raises:
        ReplayError: see `applied`.
    """
    for number, _, decisions in applied(lines, replay):
        for decision in decisions:
            yield number, decision


def applied(lines: Iterable[Line], replay: Replay) -> Iterator[tuple[int, JournalRecord, list[Decision]]]:
    """Each entry of a journal dump with its partition, and the decisions on it.

    Raises:
        ReplayError: a line isn't a dump's.
    """
    for line in lines:
        with _readable(line):
            number, record = journal_lines.decode(line.text)
            decisions = replay.apply(number, record)
        yield number, record, decisions


def decoded(lines: Iterable[Line]) -> Iterator[tuple[int, JournalRecord]]:
    """Each entry of a journal dump with its partition, not decided.

    Raises:
        ReplayError: a line isn't a dump's.
    """
    for line in lines:
        with _readable(line):
            entry = journal_lines.decode(line.text)
        yield entry


@contextmanager
def _readable(line: Line) -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"{line.file}:{line.number}: not a line of a journal dump: {error}") from error


def replay_sources(
    lines: Iterable[Line],
    rules: Config,
    replay: Replay,
    on_rejected: OnRejected = lambda *_: None,
    sources: Sources = OURS,
) -> Iterator[Decided]:
    """The decisions on source records under these rules, in one partition, 0; `on_rejected` hears of dead letters."""
    journal = source_lines.journal(lines, rules, on_rejected, sources)
    return replay_entries(((0, record) for record in journal), replay)
