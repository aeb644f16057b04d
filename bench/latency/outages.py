"""Latency across faults: events come on at their pace, whatever happens to workers, broker and Redis.

Two workers, each under its supervisor. A fault comes in the middle of a run; afterwards every action must be there
once, and the oracle must find the decisions and states that the journal gives.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
from msgspec import Struct

from agents import settings, stack, verify
from bench import page
from bench.latency import judging, sites
from bench.latency.driver import Driven, Order
from bench.latency.jobs import Pipeline
from bench.latency.judging import Distribution
from bench.latency.points import Range, driven, driving, ranging
from bench.latency.schedule import NS
from bench.members import Member
from streams import topics

WORKERS = 2
CALM_SECONDS = 10.0  # before the fault: what is usual
FROZEN_SECONDS = 9.0  # longer than the session's 6
BROKER_AWAY_SECONDS = 1.0
REDIS_AWAY_SECONDS = 10.0
QUIET_SECONDS_MAX = 90.0
HELD_SECONDS_MAX = 120.0
POLL_SECONDS = 0.1


class Plant(Struct, frozen=True):
    """What a fault can reach."""

    members: list[Member]
    servers: stack.Stack


class Outage(Struct, frozen=True):
    """One fault.

    Attributes:
        since_due: from when an event was due until a reader had its action; of all events of the run.
        calm: the same, of the events whose action came before the fault.
        first_seconds: by partition, from the fault to the first action of an event that was due after it.
        standstill_seconds: by partition, the longest time without an action, from the fault on.
        drained_seconds: from the fault until actions take no more than twice what the slowest took before it.
    """

    fault: str
    since_due: Distribution | None
    calm: Distribution | None
    first_seconds: list[float]
    standstill_seconds: list[float]
    drained_seconds: float
    load: float
    problems: list[str]
    void: str


class Outcome(Struct):
    """All faults of a run; `problems` is what the oracle found wrong: then there are no figures."""

    per_second: float
    seconds: float
    customers: int
    outages: list[Outage]
    problems: list[str]


def kill(plant: Plant, turn: int) -> None:
    """SIGKILL for a worker; its supervisor starts it again."""
    plant.members[turn % WORKERS].kill_worker()


def freeze(plant: Plant, turn: int) -> None:
    """SIGSTOP for a worker, for longer than its session lasts."""
    pid = plant.members[turn % WORKERS].worker_pid()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    os.kill(pid, signal.SIGCONT)


def restart_broker(plant: Plant, _: int) -> None:
    """SIGKILL for the broker; started again on its own log."""
    plant.servers.kill_kafka()
    time.sleep(BROKER_AWAY_SECONDS)
    plant.servers.start_kafka()


def redis_away(plant: Plant, _: int) -> None:
    """SIGKILL for Redis, for a while."""
    plant.servers.kill_redis()
    time.sleep(REDIS_AWAY_SECONDS)
    plant.servers.start_redis()


FAULTS: dict[str, Callable[[Plant, int], None]] = {
    "kill -9 of a worker": kill,
    f"a worker frozen for {FROZEN_SECONDS:.0f} s": freeze,
    f"broker killed, {BROKER_AWAY_SECONDS:.0f} s away": restart_broker,
    f"Redis killed, {REDIS_AWAY_SECONDS:.0f} s away": redis_away,
}


def measure(per_second: float, seconds: float, times: int, customers: int) -> Outcome:
    """Every fault so many times, in turn, each in the middle of a run of so many seconds."""
    job = Pipeline(tag=sites.TAG, customers=customers)
    outcome = Outcome(per_second, seconds, customers, [], [])
    with stack.running() as servers:
        asyncio.run(sites.prepare(servers))
        with _plant(servers) as plant:
            site = sites.Site("whole pipeline, 2 supervised workers", job, servers, [], lambda: None)
            with ranging(site) as one:
                for turn in range(times):
                    for fault in FAULTS:
                        outcome.outages.append(_outage(one, plant, fault, turn, seconds=seconds, per_second=per_second))
            codes = asyncio.run(_stopped(plant))
        outcome.problems += [f"a worker ended with {code} when told to stop" for code in codes if code]
        outcome.problems += asyncio.run(verify.verify(servers.kafka))[1]
    return outcome


@contextmanager
def _plant(servers: stack.Stack) -> Iterator[Plant]:
    addresses = {settings.KAFKA: servers.kafka, settings.REDIS: servers.redis}
    members = [Member(number, addresses, servers.folder) for number in range(WORKERS)]
    try:
        for member in members:
            member.start()
        yield Plant(members, servers)
    finally:
        for member in members:
            member.end()


async def _stopped(plant: Plant) -> list[int]:
    async with asyncio.timeout(HELD_SECONDS_MAX):
        while not await verify.settled(plant.servers.kafka):  # noqa: ASYNC110 - the event would be another process's
            await asyncio.sleep(POLL_SECONDS)
    return await asyncio.gather(*(member.stop() for member in plant.members))


def _outage(one: Range, plant: Plant, fault: str, turn: int, *, seconds: float, per_second: float) -> Outage:  # noqa: PLR0913 - by name
    asyncio.run(_both_hold(plant))
    order = Order(plant.servers.kafka, one.site.job, per_second, one.next, round(per_second * seconds))
    one.next += order.count
    with driving(order) as driver:
        time.sleep(CALM_SECONDS)
        since_ns = time.monotonic_ns()
        FAULTS[fault](plant, turn)
        sent = driven(driver)
    one.answered(sent, QUIET_SECONDS_MAX)
    return _judged(one, sent, fault, since_ns)


async def _both_hold(plant: Plant) -> None:
    """Return when both workers have partitions, and together all."""
    async with asyncio.timeout(HELD_SECONDS_MAX), aiohttp.ClientSession() as session:
        while True:
            held = await asyncio.gather(*(member.partitions(session) for member in plant.members))
            if all(held) and sum(held) == topics.PARTITIONS:
                return
            await asyncio.sleep(POLL_SECONDS)


def _judged(one: Range, sent: Driven, fault: str, since_ns: int) -> Outage:
    arrivals, numbers = one.arrivals(sent), sent.schedule.numbers
    calm = [arrival for arrival in arrivals if arrival.arrived_ns < since_ns]
    until_ns = max(sent.schedule.due_ns(numbers[-1]), since_ns + NS)
    return Outage(
        fault=fault,
        since_due=judging.distribution(judging.since_due_us(sent, arrivals, numbers)),
        calm=judging.distribution(judging.since_due_us(sent, calm, numbers)),
        first_seconds=_rounded(judging.first_seconds(sent, arrivals, since_ns)),
        standstill_seconds=_rounded(judging.standstill_seconds(arrivals, since_ns, until_ns)),
        drained_seconds=round(judging.drained_seconds(sent, arrivals, since_ns), 3),
        load=page.load_average(),
        problems=one.problems(sent),
        void=judging.void(judging.decoded(sent.late)),
    )


def _rounded(by_partition: dict[int, float]) -> list[float]:
    return [round(seconds, 3) for _, seconds in sorted(by_partition.items())]
