"""Where the journal is read for an explanation: from a cluster, or from files that `bellwether journal dump` wrote."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple, Protocol

from agents import journal_dump, line_files
from agents.intake import journal_place
from agents.kafka_reader import committed_records
from agents.line_files import Line
from agents.replay import Replay, applied, decoded
from agents.topic_admin import MissingTopic, partition_counts
from agents.unit_of_work import Place
from streams import topics
from streams.events import Event
from streams.journal import EventEntry, Forget
from streams.partition import JournalRecord

Entries = AsyncGenerator[tuple[int, JournalRecord]]
Progress = Callable[[int, int], object]


class Found(NamedTuple):
    """In which partition something is, and of which customer."""

    partition: int
    customer: str


class Journal(Protocol):
    """A journal that can be read more than once."""

    async def decision(self, identity: str) -> Found | None:
        """Where a decision with this id was made; None if it isn't there."""

    async def customer(self, name: str) -> int | None:
        """The partition of a customer; None if there is no way to know, or no entry."""

    def entries(self, partition: int) -> Entries:
        """The entries of a partition in order; to be closed by who stops before the end."""


class Cluster:
    """The journal on Kafka, and the topic of decisions as an index to it.

    All of it may raise MissingTopic, JournalError, KafkaError and TimeoutError: see `agents.journal_dump.read`.
    """

    def __init__(self, kafka: str, progress: Progress = lambda *_: None) -> None:
        self._kafka = kafka
        self._progress = progress

    async def decision(self, identity: str) -> Found | None:
        """By the header `ce_id`."""
        count = await self._count(topics.DECISIONS.name)
        wanted = ("ce_id", identity.encode())
        places = [Place(topics.DECISIONS.name, number) for number in range(count)]
        async with aclosing(committed_records(self._kafka, places)) as reading:
            async for place, records in reading:
                for record in records:
                    if wanted in map(tuple, record.headers):
                        return Found(place.partition, record.key.decode())
        return None

    async def customer(self, name: str) -> int | None:
        """By the customer's name, as the intake does."""
        return journal_place(name, await self._count(topics.JOURNAL.name)).partition

    def entries(self, partition: int) -> Entries:
        """Up to the end that it has now."""
        return journal_dump.read(self._kafka, self._progress, partition)

    async def _count(self, topic: str) -> int:
        count = (await partition_counts(self._kafka)).get(topic)
        if count is None:
            raise MissingTopic(topic)
        return count


class Dumps:
    """Files of a dump, read one after the other.

    All of it may raise ReplayError, for a line that is none of a dump, and OSError.
    """

    def __init__(self, files: Sequence[Path], progress: Progress = lambda *_: None) -> None:
        self._files = [file for path in files for file in line_files.files_of(path)]
        self._total = sum(file.stat().st_size for file in self._files)
        self._progress = progress

    async def decision(self, identity: str) -> Found | None:
        """By deciding everything again until it comes up."""
        for number, _, decisions in applied(self._lines(), Replay()):
            for one in decisions:
                if one.id == identity:
                    return Found(number, one.customer)
        return None

    async def customer(self, name: str) -> int | None:
        """The first that has an entry of the customer's."""
        return next((number for number, record in decoded(self._lines()) if concerns(record, name)), None)

    async def entries(self, partition: int) -> Entries:
        """Those lines of the files."""
        for number, record in decoded(self._lines()):
            if number == partition:
                yield number, record

    def _lines(self) -> Iterator[Line]:
        done = 0

        def advance(size: int) -> None:
            nonlocal done
            done += size
            self._progress(done, self._total)

        return line_files.read(self._files, advance)


def concerns(record: JournalRecord, customer: str) -> bool:
    """Whether an entry is about this customer."""
    about = record.entry.event if isinstance(record.entry, EventEntry) else record.entry
    return isinstance(about, Event | Forget) and about.customer == customer
