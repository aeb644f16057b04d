"""An operator's entry on its way into the journal: one in every partition, all or none."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents import clients
from agents.topic_admin import MissingTopic, partition_counts
from streams.journal import Entry, encode_entry
from streams.topics import JOURNAL

SEEN_SECONDS_MAX = 30.0
PAUSE_SECONDS = 0.05


async def everywhere(bootstrap: str, entry: Entry, transactional_id: str) -> int:
    """Append the entry to every journal partition in one transaction; returns how many there are.

    What an earlier one under the same id left unfinished is aborted first, and never seen by anybody.

    Raises:
        MissingTopic: there is no journal.
        KafkaError: the broker is out of reach, or refuses; nothing was appended then, or all was.
        TimeoutError: it is in the journal, but another's open transaction hides it from readers.
    """
    partitions = (await partition_counts(bootstrap)).get(JOURNAL.name)
    if partitions is None:
        raise MissingTopic(JOURNAL.name)
    value = encode_entry(entry)
    producer = AIOKafkaProducer(**clients.to_kafka(bootstrap), transactional_id=transactional_id)
    async with producer, producer.transaction():
        sent = [await producer.send(JOURNAL.name, value, partition=number) for number in range(partitions)]
        appended = await asyncio.gather(*sent)  # the commit itself doesn't notice one that failed
    await _until_seen(bootstrap, {TopicPartition(JOURNAL.name, one.partition): one.offset for one in appended})
    return partitions


async def _until_seen(bootstrap: str, offsets: dict[TopicPartition, int]) -> None:
    """A commit returns before readers see what was committed; who looks it up next should find it."""
    async with AIOKafkaConsumer(**clients.to_kafka(bootstrap), isolation_level="read_committed") as consumer:
        async with asyncio.timeout(SEEN_SECONDS_MAX):
            while any(end <= offsets[one] for one, end in (await consumer.end_offsets(list(offsets))).items()):  # noqa: ASYNC110 - the event would be the broker's
                await asyncio.sleep(PAUSE_SECONDS)
