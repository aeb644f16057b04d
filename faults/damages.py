"""What can become of records that are already on the log; each is done as somebody's mistake would do it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import PolicyViolationError

from agents import topic_admin
from agents.sources import OURS
from agents.unit_of_work import Place
from agents.verify import live_tables
from streams import topics
from streams.partition_record import PARTITION_KEY, RESERVED_KEYS
from streams.sources import Sources

CLIENT = "faults-load"  # the proxy leaves it alone
CUSTOMERS_LOST = 3
DONE_SECONDS_MAX = 20.0
PAUSE_SECONDS = 0.1


async def lost_customers(kafka: str) -> None:
    """Some customers' records are gone from the changelog, as by a compaction that went wrong."""
    table = (await live_tables(kafka))[0]
    await _write(kafka, 0, dict.fromkeys(sorted(table.keys() - RESERVED_KEYS)[:CUSTOMERS_LOST]))


async def damaged_customer(kafka: str) -> None:
    """Every bit of a customer's record is another."""
    table = (await live_tables(kafka))[1]
    key = min(table.keys() - RESERVED_KEYS)
    await _write(kafka, 1, {key: bytes(255 - byte for byte in table[key])})


async def older_position(kafka: str) -> None:
    """A partition's state is what it was at its beginning."""
    table = (await live_tables(kafka))[2]
    await _write(kafka, 2, dict.fromkeys(table) | {PARTITION_KEY: b"\x90"})


async def cut_at_the_front(kafka: str) -> None:
    """Half of a changelog partition is removed, as by retention on it."""
    place = TopicPartition(topics.CHANGELOG.name, 3)
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, client_id=CLIENT) as consumer:
        end = (await consumer.end_offsets([place]))[place]
    settings = topic_admin.wanted_settings(topics.CHANGELOG)
    await _configure(kafka, settings | {"cleanup.policy": "delete"})
    async with asyncio.timeout(DONE_SECONDS_MAX):
        while True:
            with suppress(PolicyViolationError):  # it takes a moment to know
                await cut(kafka, Place(*place), end // 2)
                break
            await asyncio.sleep(PAUSE_SECONDS)
    await _configure(kafka, settings)


async def emptied(kafka: str) -> None:
    """The changelog was deleted and created again."""
    await made_anew(kafka, topics.CHANGELOG.name)


async def made_anew(kafka: str, name: str, sources: Sources = OURS) -> None:
    """Delete a topic and create it again, as it is among the sources if it is one of them."""
    async with _admin(kafka) as admin:
        await admin.delete_topics([name])
    async with asyncio.timeout(DONE_SECONDS_MAX):
        while name in await topic_admin.partition_counts(kafka):  # noqa: ASYNC110 - the broker's doing
            await asyncio.sleep(PAUSE_SECONDS)
    await topic_admin.create(kafka, sources)


async def cut(kafka: str, place: Place, offset: int) -> None:
    """Remove what is before an offset, as retention would."""
    async with _admin(kafka) as admin:
        await admin.delete_records({TopicPartition(*place): RecordsToDelete(before_offset=offset)})


async def move_group(kafka: str, place: Place, offset: int) -> None:
    """Set the group's offset, as Kafka's own tool does; the group must be empty."""
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=topics.APP, client_id=CLIENT, enable_auto_commit=False
    )
    consumer.assign([TopicPartition(*place)])
    async with consumer:
        await consumer.commit({TopicPartition(*place): offset})


async def _write(kafka: str, number: int, records: Mapping[bytes, bytes | None]) -> None:
    """Somebody else writes to the changelog."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, client_id=CLIENT) as producer:
        for key, value in records.items():
            await producer.send_and_wait(topics.CHANGELOG.name, value, key=key, partition=number)


async def _configure(kafka: str, settings: dict[str, str]) -> None:
    async with _admin(kafka) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics.CHANGELOG.name, settings)])


@asynccontextmanager
async def _admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, client_id=CLIENT)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


# each with what the worker says of it
DAMAGES: dict[str, tuple[Callable[[str], Awaitable[None]], str]] = {
    "lost customers": (lost_customers, "were written"),
    "damaged customer": (damaged_customer, "can't be read"),
    "older position": (older_position, "the journal was read up to offset"),
    "cut at the front": (cut_at_the_front, "were written"),
    "emptied": (emptied, "the journal was read up to offset"),
}
