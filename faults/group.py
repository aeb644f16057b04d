"""One group of faults in a process of its own: its stack, its workers, its load, its rounds, and the verdict.

`python -m faults.group` reads its order as JSON from stdin and writes its result to the file that it names.
"""

import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]  # ships no types
import uvloop
from msgspec import Struct, field

from agents import config_apply, config_files, settings, topic_admin, verify
from agents import stack as local_stack
from agents.demo.timeline import START_MS
from agents.stack import Stack
from agents.stack.process import free_port
from faults import checks, raising
from faults.fleet import Ending, Fleet, Recovery, worker_command
from faults.inject import Done, Injector
from faults.load import Load, Records
from faults.proxy import Proxy, proxying
from faults.schedule import Group
from faults.target import Target
from faults.uneven import SOURCES

WORKERS = 2
SPARE = 2  # the time that the records tell of lasts for twice as many as are asked for
MEMORY_LOOK_SECONDS = 1.0
TICKS_BEHIND = "P10D"  # of the newest event: records are sent in slices that last some days, two ahead


class Order(Struct, frozen=True):
    """What to run. `keep`: the folder stays, with all logs."""

    group: Group
    seed: int
    result: str
    keep: bool = False


class Result(Struct):
    """What came of a group. Times in seconds; `problems` is empty when all is well."""

    name: str
    seed: int
    sent: int = 0
    seconds: float = 0.0
    settle_seconds: float = 0.0
    verify_seconds: float = 0.0
    resident_bytes_max: int = 0
    dead_letters: int = 0
    decisions: int = 0
    done: list[Done] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    folder: str = ""


def main() -> None:
    """Run the order that is on stdin."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    for name in (settings.KAFKA, settings.REDIS):
        os.environ.pop(name, None)  # somebody's servers are not ours to kill
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is no news here
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raising.install()
    folder = Path(tempfile.mkdtemp(prefix="bellwether-faults-"))
    port = free_port() if order.group.proxied else None
    telling = order.keep
    try:
        with local_stack.running(folder, kafka_advertised_port=port) as cluster:
            result = uvloop.run(run(order, cluster, port))
        telling = telling or bool(result.problems)
        if telling:
            result.folder = str(folder)
        Path(order.result).write_bytes(msgspec.json.encode(result))
    finally:
        if telling:
            say(order.group.name, f"logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def run(order: Order, cluster: Stack, port: int | None) -> Result:
    """The group's rounds, then the verdict."""
    group, result = order.group, Result(order.group.name, order.seed)
    records = Records(group.events * SPARE, order.seed, one_customer=group.one_customer)
    async with AsyncExitStack() as exits:
        proxy = None
        if port is not None and cluster.kafka_part.port is not None:
            proxy = await exits.enter_async_context(proxying(port, cluster.kafka_part.port))
        await topic_admin.create(cluster.kafka, SOURCES)
        await config_apply.append(cluster.kafka, config_files.load(settings.PACKAGED_CONFIG), START_MS)
        await _inject(order, cluster, proxy, records, result)
        began_at = time.monotonic()
        await _judge(cluster, records.reasons, result)
        result.verify_seconds = time.monotonic() - began_at
    return result


async def _inject(order: Order, cluster: Stack, proxy: Proxy | None, records: Records, result: Result) -> None:
    group = order.group
    load = Load(cluster.kafka, records, slice_records=group.slice_records, pause_seconds=group.pause_seconds)
    sending = asyncio.ensure_future(load.run())
    async with _workers(cluster, group.bug) as fleet:
        watching = asyncio.ensure_future(_watch_memory(fleet, result))
        injector = Injector(Target(cluster, proxy, fleet, load))
        try:
            for number, steps in enumerate(group.rounds, 1):
                say(group.name, f"{number}/{len(group.rounds)} {', '.join(step.fault for step in steps)}")
                await _or_failure(sending, injector.round(steps))
            await _or_failure(sending, _enough(load, group.events))
            load.stop()
            await sending
            result.sent, result.seconds = load.sent, fleet.now()
            say(group.name, f"{load.sent:,} records sent, settling")
            await fleet.until_ready()
            result.settle_seconds = await checks.until_settled(cluster.kafka)
            result.problems += await checks.views_problems(cluster)
            result.problems += await _stop(fleet)
        except TimeoutError as error:
            result.problems.append(f"no end in sight: {error!r}")
        finally:
            for task in (sending, watching):
                task.cancel()
            result.done, result.endings, result.recoveries = injector.done, fleet.endings, fleet.recoveries
    result.problems += [f"{one.row} {one.fault}: {one.wrong}" for one in injector.done if one.wrong]


async def _stop(fleet: Fleet) -> list[str]:
    """Every worker ends cleanly when it is told to."""
    before = len(fleet.endings)
    await fleet.stop()
    last = [ending.code for ending in fleet.endings[before:]]
    return [f"workers ended with {last} when told to stop"] if any(last) else []


async def _judge(cluster: Stack, reasons: Counter[str], result: Result) -> None:
    say(result.name, "comparing with the oracle")
    evidence, problems = await verify.verify(cluster.kafka)
    result.problems += problems
    result.problems += checks.dead_letter_problems(evidence, reasons)
    result.problems += checks.raised_problems(evidence)
    result.problems += await checks.uncommitted_problems(cluster.kafka, evidence)
    result.dead_letters = reasons.total()
    result.decisions = sum(len(some) for place, some in evidence.live.items() if place.topic == "decisions")


@asynccontextmanager
async def _workers(cluster: Stack, bug: int | None) -> AsyncIterator[Fleet]:
    addresses = {settings.KAFKA: cluster.kafka, settings.REDIS: cluster.redis}
    fleet = Fleet(worker_command(TICKS_BEHIND, bug), addresses, cluster.folder)
    try:
        for _ in range(WORKERS):
            fleet.add()
        yield fleet
    finally:
        await fleet.end()


async def _enough(load: Load, events: int) -> None:
    """The rest of the events, at full speed."""
    while load.sent < events:
        await load.another()


async def _or_failure(sending: "asyncio.Future[None]", work: Coroutine[Any, Any, None]) -> None:
    """Wait for the work; a load that fails ends it."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, sending}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        sending.result()
    await task


async def _watch_memory(fleet: Fleet, result: Result) -> None:
    while True:
        for slot in fleet.slots:
            pid = slot.process.pid if slot.process is not None else None
            if pid is not None and psutil.pid_exists(pid):
                result.resident_bytes_max = max(result.resident_bytes_max, psutil.Process(pid).memory_info().rss)
        await asyncio.sleep(MEMORY_LOOK_SECONDS)


def say(name: str, text: str) -> None:
    """A line for whoever waits."""
    sys.stderr.write(f"{name:8} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
