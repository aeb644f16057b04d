"""A request to forget a customer, on its way into the journal: one entry, in the customer's partition."""

from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from agents import clients
from agents.intake import journal_place
from agents.topic_admin import MissingTopic, partition_counts
from streams.journal import Forget, encode_entry
from streams.topics import JOURNAL

TRANSACTIONAL_ID = "bellwether-forget"  # one for all: of two operators at once, the later one fences the earlier


class Appended(NamedTuple):
    """Where the entry is in the journal."""

    partition: int
    offset: int


async def append(bootstrap: str, request: Forget) -> Appended:
    """Append the request to the customer's journal partition. One that is there already changes nothing once more.

    Raises:
        MissingTopic: there is no journal.
        KafkaError: the broker is out of reach, or refuses; whether the request was appended is unknown then: append it
            again, under the same name.
    """
    count = (await partition_counts(bootstrap)).get(JOURNAL.name)
    if count is None:
        raise MissingTopic(JOURNAL.name)
    topic, partition = journal_place(request.customer, count)
    producer = AIOKafkaProducer(**clients.to_kafka(bootstrap), transactional_id=TRANSACTIONAL_ID)
    async with producer, producer.transaction():
        value, key = encode_entry(request), request.customer.encode()
        sent = await producer.send_and_wait(topic, value, key=key, partition=partition)
    return Appended(partition, sent.offset)
