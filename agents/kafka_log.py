"""The transactional log on Kafka: one transactional producer, fenced by its id."""

import asyncio
from collections.abc import Mapping, Sequence

import aiokafka
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata, RecordMetadata

from agents import clients, crash_points
from agents.kafka_client import fill, telling_first_cause
from agents.unit_of_work import NOT_NOW, Place, Record

TRANSACTION_TIMEOUT_MS = 60_000
BATCH_BYTES_MAX = 1 << 20  # the broker's default `message.max.bytes` is slightly more
OURS = "as in the changelog"  # beside an offset that we tell the group; what an operator sets has nothing beside it
RETRY_BACKOFF_MS = 10  # the last transaction's markers are often still being written when the next one begins


def lane_id(group: str, number: int) -> str:
    """The transactional id of a partition number's lane: whoever starts a producer of it fences who had it before."""
    return f"{group}-{number}"


class KafkaLog:
    """Transactions of one partition number.

    `start` fences every earlier producer of the same id: after it, no older owner can commit anything.
    """

    def __init__(self, bootstrap_servers: str, transactional_id: str, group: str) -> None:
        self._producer = aiokafka.AIOKafkaProducer(
            **clients.to_kafka(bootstrap_servers),
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES_MAX,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        self._group = group
        self._sent: list[asyncio.Future[RecordMetadata]] = []

    async def start(self) -> None:
        """Connect, fence older owners, settle their open transactions."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def begin(self) -> None:
        """Open a transaction."""
        self._sent = []
        await self._producer.begin_transaction()

    async def append(self, place: Place, records: Sequence[Record]) -> None:
        """Add records to the open transaction, in as few batches as they fit into."""
        with telling_first_cause(self._producer):
            self._sent += await append_batches(self._producer, place, records)

    async def commit(self, told: Mapping[Place, int] = NOT_NOW) -> None:
        """Commit, after every append was acknowledged: `commit_transaction` itself doesn't notice a failed one."""
        offsets = {TopicPartition(*place): OffsetAndMetadata(position, OURS) for place, position in told.items()}
        telling = [self._producer.send_offsets_to_transaction(offsets, self._group)] if told else []
        with telling_first_cause(self._producer):
            await asyncio.gather(*self._sent, *telling)
        crash_points.reached("P3")
        crash_points.soon("P4")
        await self._producer.commit_transaction()


async def append_batches(
    producer: aiokafka.AIOKafkaProducer, place: Place, records: Sequence[Record]
) -> list[asyncio.Future[RecordMetadata]]:
    """Hand records to a producer in as few batches as they fit into; the acknowledgements are to be awaited.

    A record larger than a batch goes alone; the broker refuses what is larger than its `max.message.bytes`.
    """
    sent, done = [], 0
    while done < len(records):
        batch = producer.create_batch()
        done = fill(batch, records, done)
        sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
    return sent
