"""Data go wrong: the changelog is damaged, source records are gone before they are read, a customer is forgotten."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiokafka
from aiokafka import TopicPartition

from agents import rebuild, source_positions
from agents.currencies import CURRENCIES
from agents.kafka_reader import committed_records
from agents.stop import Code
from agents.unit_of_work import Place
from faults import damages, raising
from faults.fleet import READY
from faults.schedule import Step
from faults.target import Target, Way
from faults.uneven import SOURCES
from streams import topics
from streams.dead_letters import Rejected
from streams.intake import Reader

REFUSED_SECONDS_MAX = 30.0
ENDED_SECONDS_MAX = 20.0
GONE_SECONDS_MAX = 75.0
UNREAD_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.1
GAP_RECORDS_MAX = 20


async def changelog(target: Target, step: Step) -> None:
    """Something is wrong with the changelog: workers must say so and end, until it is made anew from the journal."""
    damage, told = damages.DAMAGES[step.numbers["damage"]]
    async with away(target):
        await damage(target.stack.kafka)
    await _until_refused(target, Code.ASSIGNMENT_FAILED, "state_refused", told)
    async with away(target):
        before = raising.Raised.count
        await rebuild.rebuild(target.stack.kafka)
        raising.Raised.count = before  # it raises for the verdict's replay only
    await target.fleet.until_ready()


async def gap(target: Target, _: Step) -> int:
    """Retention passed the group's offset: workers must stop and say what is gone, until somebody accepts it."""
    kafka = target.stack.kafka
    async with away(target):
        place, first, last = await _some_unread(kafka)
        target.load.forgo(await _reasons(kafka, place, first, last))
        await damages.cut(kafka, place, last + 1)
    told = f"{place.topic}, partition {place.partition}: offsets {first} to {last} are gone"
    await _until_refused(target, Code.BATCH_FAILED, "reading_failed", told)
    async with away(target):
        await damages.move_group(kafka, place, last + 1)
    await target.fleet.until_ready()
    return last + 1 - first


@asynccontextmanager
async def away(target: Target) -> AsyncIterator[None]:
    """No worker runs meanwhile, the group knows it, and what killed ones had open is settled, lest it hide the rest."""
    slots = target.fleet.slots
    for slot in slots:
        slot.may_start.clear()
        slot.kill(0.0)
    try:
        await asyncio.gather(*(slot.until_ended(slot.starts, ENDED_SECONDS_MAX) for slot in slots))
        async with rebuild.fenced(target.stack.kafka, GONE_SECONDS_MAX):
            pass
        yield
    finally:
        for slot in slots:
            slot.may_start.set()


async def _until_refused(target: Target, code: Code, event: str, told: str) -> None:
    """Until a worker ended by itself, with that code, that text, and without ever having been ready."""
    fleet, seen = target.fleet, set(target.fleet.folder.glob("worker-*.log"))
    before = len(fleet.endings)
    try:
        async with asyncio.timeout(REFUSED_SECONDS_MAX):
            while not any(one.code == code and not one.told for one in fleet.endings[before:]):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError as error:
        raise AssertionError(f"nobody ended with {code} in {REFUSED_SECONDS_MAX:.0f} s") from error
    logs = [one.read_text(errors="replace") for one in set(fleet.folder.glob("worker-*.log")) - seen]
    spoken = [text for text in logs if event in text]
    assert any(told in text for text in spoken), f"{event} doesn't say {told!r}"  # noqa: S101 - told in the report
    assert not any(READY in text for text in spoken), "ready, and then refused"  # noqa: S101 - told in the report


async def _some_unread(kafka: str) -> tuple[Place, int, int]:
    """The source partition with the most unread records; the first and the last of some of them."""
    places = [Place(topic.name, number) for topic in SOURCES.topics for number in range(topic.partitions)]
    async with asyncio.timeout(UNREAD_SECONDS_MAX):
        while True:
            read = await source_positions.known(kafka)
            ends = await _ends(kafka, places)
            place = max(places, key=lambda one: ends[one] - read.get(one, ends[one]))
            first = read.get(place, 0)
            if first and ends[place] - first > 1:
                return place, first, first + min(ends[place] - first - 1, GAP_RECORDS_MAX) - 1
            await asyncio.sleep(LOOK_SECONDS)


async def _ends(kafka: str, places: list[Place]) -> dict[Place, int]:
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, client_id=damages.CLIENT) as consumer:
        ends = await consumer.end_offsets([TopicPartition(*place) for place in places])
    return {Place(partition.topic, partition.partition): end for partition, end in ends.items()}


async def _reasons(kafka: str, place: Place, first: int, last: int) -> Counter[str]:
    """Which dead letters these records would have become."""
    reader = Reader(next(one for one in topics.SOURCES if one.name == place.topic), CURRENCIES)
    found: Counter[str] = Counter()
    async for _, records in committed_records(kafka, [place], {place: first}):
        for record in records:
            event = reader.read(record.value, record.timestamp)
            if record.offset <= last and isinstance(event, Rejected):
                found[event.reason] += 1
    return found


WAYS: dict[str, Way] = {"changelog": changelog, "gap": gap}
