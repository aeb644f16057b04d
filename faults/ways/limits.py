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

REFUSED = (topics.JOURNAL, topics.CHANGELOG, topics.DECISIONS)
REFUSED_BYTES_MAX = 128  # no batch of ours is as small, only the broker's own end of a transaction
ENDED_SECONDS_MAX = 60.0
DRAINED_SECONDS_MAX = 240.0
LOOK_SECONDS = 0.1
KINDS = {"files": resource.RLIMIT_NOFILE, "memory": resource.RLIMIT_AS}


async def refused(target: Target, step: Step) -> int:
    """Appends are refused as too large for some seconds: whoever tries one must stop, loudly."""
    before = len(target.fleet.endings)
    async with _small_records_only(target.stack.kafka), target.feeding():
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
            await slot.until_ended(starts + 1, ENDED_SECONDS_MAX)
        except TimeoutError as error:
            slot.kill(0.0)
            raise AssertionError(f"went on for {ENDED_SECONDS_MAX:.0f} s with {step.numbers}") from error
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
async def _small_records_only(kafka: str) -> AsyncIterator[None]:
    await _set_bytes_max(kafka, REFUSED_BYTES_MAX)
    try:
        yield
    finally:
        await _set_bytes_max(kafka, None)


async def _set_bytes_max(kafka: str, bytes_max: int | None) -> None:
    """Kafka sets all of a topic's settings at once: what isn't named falls back to the broker's own."""
    own = {} if bytes_max is None else {"max.message.bytes": str(bytes_max)}
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, wanted_settings(topic) | own) for topic in REFUSED
    ]
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka, client_id="faults-limits")
    await admin.start()
    try:
        for response in await admin.alter_configs(resources):
            for code, text, _, name in response.resources:
                assert not code, f"{name}: {for_code(code).__name__} {text}"  # noqa: S101 - told in the report
    finally:
        await admin.close()


async def _until_one_ended(target: Target, before: int) -> None:
    async with asyncio.timeout(ENDED_SECONDS_MAX):
        while not _by_itself(target, before):  # noqa: ASYNC110 - another process's end
            await asyncio.sleep(LOOK_SECONDS)


def _by_itself(target: Target, before: int) -> list[Ending]:
    """The ends since then that nobody brought about."""
    return [one for one in target.fleet.endings[before:] if not one.told]


WAYS: dict[str, Way] = {"append refused": refused, "starved": starved, "backlog": backlog}
