"""A config version on its way into the journal: one entry in every partition, all or none."""

import asyncio

from aiokafka import AIOKafkaProducer

from agents.topic_admin import MissingTopic, partition_counts
from streams import config
from streams.config import Config
from streams.journal import ConfigVersion, encode_entry
from streams.topics import JOURNAL

TRANSACTIONAL_ID = "bellwether-config"  # one for all: of two operators at once, the later one fences the earlier


async def append(bootstrap: str, rules: Config, at_ms: int) -> int:
    """Append the version to every journal partition in one transaction; returns how many there are.

    Raises:
        MissingTopic: there is no journal.
        KafkaError: the broker is out of reach, or refuses; nothing was appended then, or all was.
    """
    partitions = (await partition_counts(bootstrap)).get(JOURNAL.name)
    if partitions is None:
        raise MissingTopic(JOURNAL.name)
    value = encode_entry(ConfigVersion(rules.version, config.encode(rules), at_ms))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=TRANSACTIONAL_ID)
    async with producer, producer.transaction():
        sent = [await producer.send(JOURNAL.name, value, partition=number) for number in range(partitions)]
        await asyncio.gather(*sent)  # the commit itself doesn't notice one that failed
    return partitions
