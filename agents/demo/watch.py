"""What a run looks like from outside: how far the workers are, and everything that they have published."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from agents import clients
from agents.group_positions import group_offsets
from streams import topics
from streams.topics import Topic

SETTLED_WAIT_MS = 500
OUTPUT_NAMES = tuple(topic.name for topic in topics.OUTPUTS)


class Counts(Struct, frozen=True):
    """A moment of a run.

    Attributes:
        taken_in: source records that became a journal entry or a dead letter.
        published: records by output topic.
        undecided: journal offsets ahead of the workers; transactions' markers count, so it rests at a few.
        journal_end: offsets of the journal, over all partitions; it grows with every tick.
    """

    taken_in: int = 0
    published: dict[str, int] = {}
    undecided: int = 0
    journal_end: int = 0


class Watch:
    """Reads the outputs, committed records only, and asks for the workers' positions.

    Attributes:
        records: what was published so far, by topic and partition, in order.
    """

    def __init__(self, kafka: str) -> None:
        self.records: dict[TopicPartition, list[ConsumerRecord]] = {one: [] for one in _partitions(topics.OUTPUTS)}
        self._journal = _partitions([topics.JOURNAL])
        self._sources: list[TopicPartition] = []
        self._admin = AIOKafkaAdminClient(**clients.to_kafka(kafka))
        self._outputs, self._tail = (
            AIOKafkaConsumer(**clients.to_kafka(kafka), auto_offset_reset="earliest", isolation_level="read_committed")
            for _ in range(2)
        )

    async def __aenter__(self) -> Self:
        self._outputs.assign(list(self.records))
        self._tail.assign(self._journal)
        for client in (self._admin, self._outputs, self._tail):
            await client.start()
        self._sources = [
            TopicPartition(one["topic"], number)
            for one in await self._admin.describe_topics([topic.name for topic in topics.SOURCES])
            for number in range(len(one["partitions"]))
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._outputs, self._tail):
            await client.stop()
        await self._admin.close()

    async def has_journal(self) -> bool:
        """Whether anything was ever written to the journal."""
        return any((await self._tail.end_offsets(self._journal)).values())

    async def look(self) -> Counts:
        """Read on in the outputs, and say how far everything is."""
        while await self._read(timeout_ms=0):
            pass
        committed = await self._committed([*self._sources, *self._journal])
        end = sum((await self._tail.end_offsets(self._journal)).values())
        published = dict.fromkeys(OUTPUT_NAMES, 0)
        for place, records in self.records.items():
            published[place.topic] += len(records)
        return Counts(
            taken_in=sum(committed[place] for place in self._sources),
            published=published,
            undecided=end - sum(committed[place] for place in self._journal),
            journal_end=end,
        )

    async def is_settled(self) -> bool:
        """Whether the workers' position in the journal has nothing after it but transactions' markers."""
        ends = await self._tail.end_offsets(self._journal)
        for place, offset in (await self._committed(self._journal)).items():
            self._tail.seek(place, offset)
        while any([await self._tail.position(place) < ends[place] for place in self._journal]):
            if await self._tail.getmany(timeout_ms=SETTLED_WAIT_MS):
                return False
        return True

    async def finish(self) -> None:
        """Read the outputs to the end that they have now."""
        ends = await self._outputs.end_offsets(list(self.records))
        while any([await self._outputs.position(place) < end for place, end in ends.items()]):
            await self._read(timeout_ms=SETTLED_WAIT_MS)

    async def _read(self, timeout_ms: int) -> bool:
        fetched = await self._outputs.getmany(timeout_ms=timeout_ms)
        for place, records in fetched.items():
            self.records[place] += records
        return bool(fetched)

    async def _committed(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        found = await group_offsets(self._admin, topics.APP, places)
        return {place: max(0, found[place].offset) if place in found else 0 for place in places}


def _partitions(some: Iterable[Topic]) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for topic in some for number in range(topic.partitions)]
