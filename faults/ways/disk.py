"""A disk is full: a limit on the size of files makes writes fall short and then fail, as on a full disk, for anybody.

Files that are long already can't grow: the record that crosses the limit is written in part, as when space runs out.
"""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from agents.stack.process import Process
from agents.stop import Code
from faults.schedule import Step
from faults.target import Target, Way
from streams import topics

ENDED_SECONDS_MAX = 60.0
REFUSED_SECONDS_MAX = 60.0
PROGRESS_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.1
LEFT_BYTES = 10_000


async def broker(target: Target, step: Step) -> None:
    """The broker's log can't grow: the broker ends by itself, and with space again goes on where its log is whole."""
    process = _ours(target.stack.kafka_part.process)
    journal = (target.stack.folder / "kafka" / "data").glob(f"{topics.JOURNAL.name}-*/*.log")
    _limit(process.pid, _longest(journal) + LEFT_BYTES)
    try:
        async with target.feeding():
            await _until_ended(process)
            await asyncio.sleep(step.numbers["seconds"])
    finally:
        if process.is_running():
            _limit(process.pid, resource.RLIM_INFINITY)
        await asyncio.to_thread(target.stack.start_kafka)


async def redis(target: Target, step: Step) -> None:
    """Redis' append-only file can't grow: it refuses writes; decisions go on, and the views catch up."""
    process = _ours(target.stack.redis_part.process)
    async with Redis.from_url(target.stack.redis) as client:
        await _keep_a_log(client)
        _limit(process.pid, _longest((target.stack.folder / "redis").glob("*.aof")) + LEFT_BYTES)
        try:
            async with target.feeding(), asyncio.timeout(REFUSED_SECONDS_MAX):
                while (await client.info("persistence"))["aof_last_write_status"] == "ok":  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_SECONDS)
            await _progress(target)
            await asyncio.sleep(step.numbers["seconds"])
        finally:
            _limit(process.pid, resource.RLIM_INFINITY)
        await _until_written(client)
        await client.config_set("appendonly", "no")


async def log(target: Target, step: Step) -> None:
    """Workers can't write their logs: they work on, without a word."""
    async with _mute(target):
        await _progress(target)
        await asyncio.sleep(step.numbers["seconds"])
        await _progress(target)


async def states(target: Target, step: Step) -> None:
    """A worker's file of states can't grow: the worker ends by itself, and the next one has the room."""
    slot, before = target.slot(step), len(target.fleet.endings)
    starts = slot.starts
    assert slot.process is not None  # noqa: S101 - for the type checker
    _limit(slot.process.pid, LEFT_BYTES)
    async with target.feeding():
        await slot.until_ended(starts, ENDED_SECONDS_MAX)
        await slot.until_started_again(starts)
    await target.fleet.until_ready()
    codes = [one.code for one in target.fleet.endings[before:] if one.slot == slot.number]
    assert codes == [Code.BATCH_FAILED], f"exit codes {codes}"  # noqa: S101 - told in the report


@asynccontextmanager
async def _mute(target: Target) -> AsyncIterator[None]:
    running = [slot for slot in target.fleet.slots if slot.process is not None]
    try:
        for slot in running:
            assert slot.process is not None  # noqa: S101 - for the type checker
            _limit(slot.process.pid, slot.log.stat().st_size)
        yield
    finally:
        for slot in running:
            if slot.process is not None and slot.process.returncode is None:
                _limit(slot.process.pid, resource.RLIM_INFINITY)


async def _progress(target: Target) -> None:
    async with asyncio.timeout(PROGRESS_SECONDS_MAX):
        await target.load.until_progress()


async def _keep_a_log(client: Redis) -> None:
    await client.config_set("appendonly", "yes")
    await _until_written(client)


async def _until_written(client: Redis) -> None:
    """Until the file is there, and its last write went well."""
    async with asyncio.timeout(REFUSED_SECONDS_MAX):
        while True:
            found = await client.info("persistence")
            if not found["aof_rewrite_in_progress"] and found["aof_last_write_status"] == "ok":
                return
            await asyncio.sleep(LOOK_SECONDS)


async def _until_ended(process: Process) -> None:
    async with asyncio.timeout(ENDED_SECONDS_MAX):
        while process.is_running():  # noqa: ASYNC110 - another process's end
            await asyncio.sleep(LOOK_SECONDS)


def _ours(process: Process | None) -> Process:
    assert process is not None, "the server isn't ours"  # noqa: S101 - told in the report
    return process


def _limit(pid: int, file_bytes_max: int) -> None:
    """The soft limit only: it can be lifted again without any rights."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_bytes_max, resource.RLIM_INFINITY))


def _longest(files: Iterable[Path]) -> int:
    return max((file.stat().st_size for file in files), default=0)


WAYS: dict[str, Way] = {
    "broker disk full": broker,
    "Redis disk full": redis,
    "log disk full": log,
    "state disk full": states,
}
