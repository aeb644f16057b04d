"""Something comes to a limit: the broker takes no record, a worker gets no file or no memory, work piles up."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from agents.stop import Code
from agents.topic_admin import wanted_settings
from faults.fleet import Ending
from faults.schedule import Step
from faults.target import Target, Way
from streams import topics

REFUSED_BYTES_MAX = 128  # no batch of ours is as small, only the broker's own end of a transaction
REFUSED_SECONDS_MAX = 40.0
STARVED_SECONDS_MAX = 150.0  # the watchdog of a worker that never becomes ready has 120
DRAINED_SECONDS_MAX = 240.0
LOOK_SECONDS = 0.1
KINDS = {"files": resource.RLIMIT_NOFILE, "memory": resource.RLIMIT_AS}


async def refused(target: Target, step: Step) -> int:
    """Appends to one topic are refused as too large for some seconds: whoever tries one must stop, loudly.

    What the same batch led to in other topics is taken, and must never show.
    """
    before, topic = len(target.fleet.endings), next(one for one in topics.ALL if one.name == step.numbers["topic"])
    async with _small_records_only(target.stack.kafka, topic), target.feeding():
        await _until_one_ended(target, before)
        await asyncio.sleep(step.numbers["seconds"])
    ended = _by_itself(target, before)
    wrong = sorted({one.code for one in ended} - {Code.BATCH_FAILED, Code.FENCED, Code.TASK_FAILED})
    assert not wrong, f"exit codes {wrong} after a refused append"  # noqa: S101 - told in the report
    await target.fleet.until_ready()
    return len(ended)


async def starved(target: Target, step: Step) -> None:
    """A worker that starts with little of something ends by itself; the next one, with enough, gets on."""
    slot, before = target.slot(step), len(target.fleet.endings)
    starts = slot.starts
    slot.limits = {KINDS[step.numbers["of"]]: step.numbers["most"]}
    slot.kill(0.0)
    await slot.until_started_again(starts)
    async with target.feeding():
        try:
            await slot.until_ended(starts + 1, STARVED_SECONDS_MAX)
        except TimeoutError as error:
            slot.kill(0.0)
            raise AssertionError(f"went on for {STARVED_SECONDS_MAX:.0f} s with {step.numbers}") from error
    await slot.until_started_again(starts + 1)
    await target.fleet.until_ready()
    codes = [one.code for one in _by_itself(target, before) if one.slot == slot.number]
    assert codes, "no end by itself"  # noqa: S101 - told in the report
    assert 0 not in codes, "ended as if all were well"  # noqa: S101 - told in the report


async def backlog(target: Target, step: Step) -> None:
    """Nobody works while much is sent; then all of it is worked off, and no worker ends over it."""
    slots = list(target.fleet.slots)
    try:
        for slot in slots:
            slot.may_start.clear()
            slot.kill(0.0)
        await target.load.pile_up(step.numbers["records"])
        before = len(target.fleet.endings)
    finally:
        for slot in slots:
            slot.may_start.set()
    async with asyncio.timeout(DRAINED_SECONDS_MAX):
        await target.load.until_taken_in()
    codes = [one.code for one in _by_itself(target, before)]
    assert not codes, f"workers ended with {codes} over a backlog"  # noqa: S101 - told in the report


@asynccontextmanager
async def _small_records_only(kafka: str, topic: topics.Topic) -> AsyncIterator[None]:
    usual = wanted_settings(topic)
    await _set(kafka, topic.name, usual | {"max.message.bytes": str(REFUSED_BYTES_MAX)})
    try:
        yield
    finally:
        await _set(kafka, topic.name, usual)


async def _set(kafka: str, name: str, settings: dict[str, str]) -> None:
    """All of a topic's settings at once: what isn't named falls back to the broker's own."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka, client_id="faults-limits")
    await admin.start()
    try:
        for response in await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings)]):
            for code, text, *_ in response.resources:
                assert not code, f"{name}: {for_code(code).__name__} {text}"  # noqa: S101 - told in the report
    finally:
        await admin.close()


async def _until_one_ended(target: Target, before: int) -> None:
    async with asyncio.timeout(REFUSED_SECONDS_MAX):
        while not _by_itself(target, before):  # noqa: ASYNC110 - another process's end
            await asyncio.sleep(LOOK_SECONDS)


def _by_itself(target: Target, before: int) -> list[Ending]:
    """The ends since then that nobody brought about."""
    return [one for one in target.fleet.endings[before:] if not one.told]


WAYS: dict[str, Way] = {"append": refused, "starved": starved, "backlog": backlog}
