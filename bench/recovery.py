"""How long decisions stand still after a kill -9 and in a rolling restart, with many states to recover.

Two workers, each under its supervisor, a steady load. A round kills one of them, then restarts both, one after another.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal

import aiohttp
from msgspec import Struct

from agents import config_apply, config_files, settings, stack, topic_admin, verify
from agents.kafka_reader import read_table
from bench import load
from bench.members import Member
from bench.recovery_load import Commits, fill, steady
from streams import topics

EVENTS_PER_SECOND = 200
WORKERS = 2
POLL_SECONDS = 0.05
SETTLE_SECONDS = 3.0
READY_SECONDS_MAX = 120.0
FILL_SECONDS_MAX = 600.0
TOLD = ("serving", "drained", "partitions_assigned", "ready")


class Noted(Struct):
    """A line of a worker's log: when, in seconds since the fault, and how long the step took, where it says so."""

    at_seconds: float
    worker: int
    event: str
    seconds: float | None = None


class Fault(Struct):
    """What one kill or one restart did.

    Attributes:
        worker: whose.
        ready_seconds: until workers that answer ready hold all partitions, and it stays so.
        gaps_seconds: per partition, the longest time between two commits of the decide stage.
        replayed: journal entries that were applied before the drain and once more after it.
        exit_code: of the restarted supervisor; None after a kill.
        load: the machine's one-minute load average.
        log: what the workers logged meanwhile.
    """

    kind: Literal["kill", "restart"]
    worker: int
    ready_seconds: float
    gaps_seconds: list[float]
    replayed: int
    exit_code: int | None
    load: float
    log: list[Noted]


class Outcome(Struct):
    """All faults of a run; `problems` is what the oracle found wrong: then there are no figures."""

    customers: int
    state_bytes: float
    faults: list[Fault]
    problems: list[str]


class Site(Struct):
    """The workers, and what is known of them from outside."""

    members: list[Member]
    commits: Commits
    session: aiohttp.ClientSession

    async def until_ready(self, since: float) -> float:
        """Seconds since then until all partitions were in ready workers for good: both workers have some."""
        ready_at = None
        async with asyncio.timeout(READY_SECONDS_MAX):
            while True:
                held = await asyncio.gather(*(member.partitions(self.session) for member in self.members))
                if sum(held) < topics.PARTITIONS:
                    ready_at = None
                elif ready_at is None:
                    ready_at = time.monotonic()
                if ready_at is not None and all(held) and self.commits.moved_since(ready_at):
                    return ready_at - since
                await asyncio.sleep(POLL_SECONDS)


async def measure(customers: int, times: int) -> Outcome:
    """Run so many rounds on a fresh Kafka and Redis."""
    rules = config_files.load(settings.PACKAGED_CONFIG)
    with stack.running() as servers:
        await topic_admin.create(servers.kafka)
        await config_apply.append(servers.kafka, rules, 0)
        async with _site(servers) as site:
            async with asyncio.timeout(FILL_SECONDS_MAX):
                await _fill(servers.kafka, customers)
            faults: list[Fault] = []
            async with steady(servers.kafka, customers, EVENTS_PER_SECOND):
                for number in range(times):
                    faults.append(await _kill(site, number % WORKERS))
                    faults += [await _restart(site, worker) for worker in range(WORKERS)]
            await _until_applied(servers.kafka)
            codes = await asyncio.gather(*(member.stop() for member in site.members))
        _, problems = await verify.verify(servers.kafka)
        tables = await read_table(servers.kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))
    problems += [f"a worker ended with {code} when told to stop" for code in codes if code]
    sizes = [len(blob) for table in tables.values() for blob in table.values()]
    return Outcome(customers, sum(sizes) / len(sizes), faults, problems)


@asynccontextmanager
async def _site(servers: stack.Stack) -> AsyncIterator[Site]:
    addresses = {settings.KAFKA: servers.kafka, settings.REDIS: servers.redis}
    members = [Member(number, addresses, servers.folder) for number in range(WORKERS)]
    commits = Commits()
    watching = asyncio.ensure_future(commits.watch(servers.kafka))
    try:
        for member in members:
            member.start()
        async with aiohttp.ClientSession() as session:
            yield Site(members, commits, session)
    finally:
        watching.cancel()
        for member in members:
            member.end()


async def _fill(kafka: str, customers: int) -> None:
    """Every customer gets a state."""
    for some in fill(customers):
        await load.fill(kafka, some)
    await _until_applied(kafka)


async def _until_applied(kafka: str) -> None:
    while not await verify.settled(kafka):  # noqa: ASYNC110 - the event would be another process's
        await asyncio.sleep(POLL_SECONDS)


async def _kill(site: Site, worker: int) -> Fault:
    await _settled(site)
    began, began_at = datetime.now(UTC), time.monotonic()
    site.members[worker].kill_worker()
    return await _fault(site, "kill", worker, began, began_at)


async def _restart(site: Site, worker: int) -> Fault:
    await _settled(site)
    began, began_at = datetime.now(UTC), time.monotonic()
    code = await site.members[worker].stop()
    site.members[worker].start()
    fault = await _fault(site, "restart", worker, began, began_at)
    fault.exit_code = code
    return fault


async def _settled(site: Site) -> None:
    await site.until_ready(time.monotonic())
    await asyncio.sleep(SETTLE_SECONDS)


async def _fault(site: Site, kind: Literal["kill", "restart"], worker: int, began: datetime, began_at: float) -> Fault:
    ready_seconds = await site.until_ready(began_at)
    await asyncio.sleep(SETTLE_SECONDS)
    gaps = [round(gap, 3) for gap in site.commits.longest_gaps(began_at, time.monotonic())]
    lines = sorted(
        ((at, member.number, line) for member in site.members for at, line in member.lines(began)),
        key=lambda one: one[0],
    )
    noted = [
        Noted(round((at - began).total_seconds(), 3), number, line["event"], line.get("seconds"))
        for at, number, line in lines
        if line["event"] in TOLD
    ]
    replayed = _replayed([line for _, _, line in lines])
    return Fault(kind, worker, round(ready_seconds, 3), gaps, replayed, None, os.getloadavg()[0], noted)


def _replayed(lines: list[dict[str, object]]) -> int:
    """Entries that the next owner began with, though the last one had applied them."""
    applied: dict[str, int] = {}
    replayed = 0
    for line in lines:
        journal = line.get("journal")
        if not isinstance(journal, dict):
            continue
        for number, position in journal.items():
            if line["event"] == "drained":
                applied[number] = position or 0
            elif line["event"] == "ready":
                replayed += max(0, applied.get(number, 0) - (position or 0))
    return replayed
