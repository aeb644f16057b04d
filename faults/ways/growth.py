"""A source topic gets more partitions under load, while workers are killed."""

import asyncio

from agents.group_positions import committed_positions
from agents.topic_admin import partition_counts
from agents.unit_of_work import Place
from faults.schedule import Step
from faults.target import Target, Way
from faults.uneven import grow
from streams import topics

TAKEN_IN_SECONDS_MAX = 90.0  # half a minute until it is seen, kills, and records that go to all of them
LOOK_SECONDS = 0.5


async def source_grows(target: Target, step: Step) -> int:
    """Every new partition gets records, and all of them are read; how many partitions came."""
    kafka, topic = target.stack.kafka, step.numbers["topic"]
    more: int = step.numbers["more"]
    before = (await partition_counts(kafka))[topic]
    await grow(kafka, topic, before + more)
    new = [Place(topic, number) for number in range(before, before + more)]
    async with target.feeding():
        await _until_read(kafka, new)
    return more


async def _until_read(kafka: str, new: list[Place]) -> None:
    """Until the group has taken something in from each of them."""
    left = new
    try:
        async with asyncio.timeout(TAKEN_IN_SECONDS_MAX):
            while left := await _unread(kafka, left):  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError as error:
        named = ", ".join(f"{place.topic}/{place.partition}" for place in left)
        raise AssertionError(f"nothing was read from {named} in {TAKEN_IN_SECONDS_MAX:.0f} s") from error


async def _unread(kafka: str, places: list[Place]) -> list[Place]:
    committed = await committed_positions(kafka, topics.APP, places)
    return [place for place in places if not committed[place]]


WAYS: dict[str, Way] = {"source grows": source_grows}
