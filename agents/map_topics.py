"""Maps that topics feed, followed by a worker: up to date before anything is looked up in them.

Before each transaction that takes in source records the ends of the topics are asked for, and everything below them is
read. So what was committed to a map before a source record was appended is known when that record is read: a new card's
first transaction finds its customer. What is journaled names the customer as it was found; a replay looks up nothing.

A topic may get more partitions meanwhile: they are read from their oldest record on, once the reader knows of them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import aiokafka
from aiokafka import TopicPartition

from agents import clients, stop
from agents.lane import Lane
from agents.pace import Pace
from agents.shares import GROWTH_SEEN_MS_MAX
from agents.topic_admin import MissingTopic, partition_counts
from agents.unit_of_work import Fetched, Place
from streams import topics
from streams.mapping.fed import FedMap
from streams.sources import Sources

STALLED_SECONDS = 30.0
FETCH_WAIT_MS = 200
FETCH_BYTES_MAX = 1 << 20


class MapTopics:
    """Follows the topics of some maps; without any it does nothing.

    `tell` hears of entries that can't be read, and of topics that got more partitions.
    """

    def __init__(self, kafka: str, maps: Sequence[FedMap], tell: Callable[..., object] = lambda *_, **__: None) -> None:
        self._kafka = kafka
        self._tell = tell
        self._maps: dict[str, list[FedMap]] = {}
        for one in maps:
            self._maps.setdefault(one.topic, []).append(one)
        self._one_at_a_time = asyncio.Lock()
        self._partitions: list[TopicPartition] = []
        self._consumers: tuple[aiokafka.AIOKafkaConsumer, ...] = ()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Read the maps as they are now.

        Raises:
            MissingTopic: a map's topic isn't there.
            KafkaError, TimeoutError: the broker is out of reach, or nothing came for half a minute.
        """
        if not self._maps:
            return
        counts = await partition_counts(self._kafka)
        if missing := sorted(self._maps.keys() - counts.keys()):
            raise MissingTopic(missing[0])
        self._partitions = [TopicPartition(topic, number) for topic in self._maps for number in range(counts[topic])]
        # One that reads and waits for more, and one that asks: on the reader's connection it would wait with it.
        self._consumers = reader, asker = _consumer(self._kafka), _consumer(self._kafka)
        reader.assign(self._partitions)
        await asyncio.gather(reader.start(), asker.start())
        await reader.seek_to_beginning(*self._partitions)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Read up to the ends that the topics have now.

        Raises:
            KafkaError, TimeoutError: as above.
        """
        if not self._maps:
            return
        reader, asker = self._consumers
        async with self._one_at_a_time:
            await self._read_new_partitions(reader)
            async with asyncio.timeout(STALLED_SECONDS):
                ends = await asker.end_offsets(self._partitions)
            while await _is_behind(reader, ends):
                async with asyncio.timeout(STALLED_SECONDS):
                    self._apply(await _moved(reader, ends))

    async def stop(self) -> None:
        """End following; what is known stays."""
        for one in self._consumers:
            await one.stop()

    def counts(self) -> dict[str, list[int]]:
        """How many entries the maps of each topic have."""
        return {topic: [len(one.entries) for one in some] for topic, some in self._maps.items()}

    async def _read_new_partitions(self, reader: aiokafka.AIOKafkaConsumer) -> None:
        """Those that the topics got since, from their oldest record on; the others go on where they are."""
        there = {topic: reader.partitions_for_topic(topic) or () for topic in self._maps}
        if sum(map(len, there.values())) <= len(self._partitions):
            return
        known = {partition: await reader.position(partition) for partition in self._partitions}
        new = [one for topic in there for number in there[topic] if (one := TopicPartition(topic, number)) not in known]
        self._partitions += new
        reader.assign(self._partitions)
        for partition, position in known.items():
            reader.seek(partition, position)
        async with asyncio.timeout(STALLED_SECONDS):
            await reader.seek_to_beginning(*new)
        for topic in {partition.topic for partition in new}:
            self._tell("map_topic_grew", topic=topic, partitions=len(there[topic]))

    def _apply(self, fetched: Mapping[TopicPartition, Sequence[aiokafka.ConsumerRecord]]) -> None:
        for partition, records in fetched.items():
            for record in records:
                are_read = [one.apply(record.key, record.value) for one in self._maps[partition.topic]]
                if not all(are_read):
                    self._tell("map_entry_unreadable", **Place(*partition)._asdict(), offset=record.offset)


async def filled(kafka: str, sources: Sources) -> Sources:
    """The same sources, once the maps that topics feed are read."""
    async with MapTopics(kafka, sources.fed):
        return sources


class FollowingLane(Lane):
    """A lane, made of the maps and what a lane is made of: they are up to date before source records are read."""

    def __init__(self, maps: MapTopics, *lane: Any, pace: Pace) -> None:
        super().__init__(*lane, pace=pace)
        self._maps = maps

    async def _unit(self, fetched: dict[Place, list[Fetched]]) -> None:
        if any(place.topic != topics.JOURNAL.name for place in fetched):
            with stop.on_failure(stop.Code.BATCH_FAILED, "maps_not_read"):
                await self._maps.catch_up()
        await super()._unit(fetched)


async def _is_behind(reader: aiokafka.AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await reader.position(partition) < end:
            return True
    return False


async def _moved(
    reader: aiokafka.AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, list[aiokafka.ConsumerRecord]]:
    """What comes next; nothing if only markers of transactions were passed."""
    before = [await reader.position(partition) for partition in ends]
    while True:
        fetched: dict[TopicPartition, list[aiokafka.ConsumerRecord]] = await reader.getmany(timeout_ms=FETCH_WAIT_MS)
        if fetched or before != [await reader.position(partition) for partition in ends]:
            return fetched


def _consumer(kafka: str) -> aiokafka.AIOKafkaConsumer:
    return aiokafka.AIOKafkaConsumer(
        **clients.to_kafka(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
        metadata_max_age_ms=GROWTH_SEEN_MS_MAX,
    )
