"""The broker's side of a comparison: sources loaded once, an output topic for each run, and what came out."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import aiokafka
import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code
from msgspec import Struct

from agents.kafka_log import append_batches
from agents.unit_of_work import Place, Record
from bench import load, purchases
from bench.outcome import Expected, Outcome, of_job
from bench.purchases import Made, Settings
from streams import topics

PARTITIONS = topics.PARTITIONS
BATCH_BYTES = 1 << 16
LOADED_AT_ONCE = 20_000
READ_LIMIT_MS = 200
_FOR_EVER = {"retention.ms": "-1"}  # event times lie in the past


class Source(Struct, frozen=True):
    """A loaded source: a topic, and a file with the same records for the program that goes without Kafka.

    `data_sha256` is of every key and value, in order.
    """

    settings: Settings
    topic: str
    file: Path
    data_sha256: str
    value_bytes: float
    expected: dict[str, Outcome]


async def load_source(kafka: str, settings: Settings, names: Iterable[str], folder: Path) -> Source:
    """Make the records, append them, and run these jobs over them."""
    topic = f"purchases-{settings.events}-{settings.skew}-{settings.cards}"
    await create_topic(kafka, topic)
    expected, data, size = Expected(names), hashlib.sha256(), 0
    made = purchases.records(settings)
    file = folder / f"{topic}.jsonl"
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=BATCH_BYTES, compression_type="lz4"
    ) as producer:
        with file.open("wb") as lines:
            while some := list(islice(made, LOADED_AT_ONCE)):
                for one in some:
                    expected.add(one)
                    data.update(one.key + b"\0" + one.value + b"\n")
                    lines.write(one.value + b"\n")
                    size += len(one.value)
                await _append(producer, topic, some)
    return Source(settings, topic, file, data.hexdigest(), size / settings.events, expected.outcomes())


async def _append(producer: aiokafka.AIOKafkaProducer, topic: str, some: Iterable[Made]) -> None:
    by_partition: dict[int, list[Record]] = {}
    for one in some:
        number = load.partition(one.key.decode())
        by_partition.setdefault(number, []).append(Record(one.key, one.value))
    sent = [
        acknowledged
        for number, chunk in by_partition.items()
        for acknowledged in await append_batches(producer, Place(topic, number), chunk)
    ]
    await asyncio.gather(*sent)


@asynccontextmanager
async def _administration(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def create_topic(kafka: str, topic: str) -> None:
    """An empty one; it must be new."""
    async with _administration(kafka) as admin:
        response = await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=_FOR_EVER)])
        for name, code, *_ in response.topic_errors:
            if code:
                raise for_code(code)(name)


async def delete_topics_of(kafka: str, group: str) -> None:
    """What a run made: its output, changelogs and repartition topics all bear its group's name."""
    async with _administration(kafka) as admin:
        names = [name for name in await admin.list_topics() if group in name]
        await admin.delete_topics(names)


async def outcome_of(kafka: str, topic: str, job: str) -> Outcome:
    """Read an output topic to its end, as a reader of committed records."""
    found = of_job(job)
    decode = msgspec.json.Decoder(dict).decode
    for records in (await load.read_all(kafka, [topic])).values():
        for record in records:
            found.add(record.key or b"", decode(record.value or b"null"))
    return found.outcome()


def outcome_of_file(file: Path, job: str) -> Outcome:
    """The same of an output file, whose records have no key but the customer's name in them."""
    found = of_job(job)
    decode = msgspec.json.Decoder(dict).decode
    with file.open("rb") as lines:
        for line in lines:
            value = decode(line)
            found.add(value["customer_id"].encode(), value)
    return found.outcome()


async def uncommitted(kafka: str, group: str, topic: str) -> int:
    """How many records of the source the group hasn't committed."""
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with _administration(kafka) as admin, aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        ends = await consumer.end_offsets(places)
        committed = await admin.list_consumer_group_offsets(group, partitions=places)
    return sum(end - (max(committed[place].offset, 0) if place in committed else 0) for place, end in ends.items())
