"""What must hold at the end of a group's run, beyond what `agents.verify` holds against the oracle."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import aiokafka
import msgspec
import redis
from aiokafka import TopicPartition

from agents import verify
from agents.kafka_reader import read_table
from agents.stack import Stack
from agents.verify import Evidence
from faults import raising
from streams import topics
from streams.partition_record import RESERVED_KEYS
from streams.view import describe

SETTLE_SECONDS_MAX = 240.0
VIEWS_SECONDS_MAX = 30.0
IDENTIFIED = (topics.DECISIONS, topics.FRAUD_CHECK_ACTIONS, topics.RETENTION_ACTIONS)


class _Decided(msgspec.Struct):
    outcome: str
    trigger: str


async def until_settled(kafka: str) -> float:
    """Wait until the workers have nothing left; how long that took, in seconds."""
    began_at = time.monotonic()
    async with asyncio.timeout(SETTLE_SECONDS_MAX):
        while not await verify.settled(kafka):  # noqa: ASYNC110 - the event would be another process's
            await asyncio.sleep(0.2)
    return time.monotonic() - began_at


async def views_problems(cluster: Stack) -> list[str]:
    """Redis must show every customer as the state has it, within half a minute."""
    deadline = time.monotonic() + VIEWS_SECONDS_MAX
    while wrong := await _wrong_views(cluster):
        if time.monotonic() > deadline:
            return [f"{wrong} views differ from the state {VIEWS_SECONDS_MAX:.0f} s after the end"]
        await asyncio.sleep(0.5)
    return []


async def _wrong_views(cluster: Stack) -> int:
    tables = await read_table(cluster.kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))
    wrong = 0
    with redis.Redis.from_url(cluster.redis) as client:
        for table in tables.values():
            for key in table.keys() - RESERVED_KEYS:
                view = describe(key.decode(), table[key])
                wrong += client.hget(f"bellwether:customer:{view.customer}", "document") != view.document
    return wrong


def dead_letter_problems(evidence: Evidence, expected: Counter[str]) -> list[str]:
    """Each unreadable record is one dead letter with its reason."""
    found = verify.dead_letters(evidence)
    return [] if found == expected else [f"dead letters are {dict(found)}, expected {dict(expected)}"]


def raised_problems(evidence: Evidence) -> Iterator[str]:
    """Each time the planted trigger raised, a failure was recorded; call after the replay, in its process."""
    live = (record for place, some in evidence.live.items() if place.topic == topics.DECISIONS.name for record in some)
    decided = [msgspec.json.decode(record.value or b"", type=_Decided) for record in live]
    failed = sum(one.outcome == "failed" and one.trigger == raising.TRIGGER for one in decided)
    if failed != raising.Raised.count or not failed:
        yield f"{failed} failures are recorded, the trigger raised {raising.Raised.count} times"


async def uncommitted_problems(kafka: str, evidence: Evidence) -> list[str]:
    """Who reads uncommitted and knows ids sees nothing else than who reads committed; no transaction is open."""
    known = {_identity(one) for place, some in evidence.live.items() if _is_identified(place) for one in some}
    places = [TopicPartition(topic.name, number) for topic in IDENTIFIED for number in range(topic.partitions)]
    problems: list[str] = []
    unknown = 0
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                unknown += sum(dict(record.headers)["ce_id"] not in known for record in records)
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed") as consumer:
        consumer.assign(places)
        if await consumer.end_offsets(places) != ends:
            problems.append("a transaction is still open")
    return problems + ([f"{unknown} uncommitted records have an id that was never committed"] if unknown else [])


def _is_identified(place: TopicPartition) -> bool:
    return place.topic in {topic.name for topic in IDENTIFIED}


def _identity(record: verify.Published) -> bytes:
    return dict(record.headers)["ce_id"]
