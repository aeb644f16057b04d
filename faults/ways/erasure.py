"""A customer is forgotten under load, and events from before come in afterwards."""

import asyncio
from itertools import count

import aiokafka
import msgspec
from redis.asyncio import Redis

from agents import forget
from agents.demo.timeline import START_MS
from agents.intake import journal_place
from agents.verify import live_tables
from faults import damages
from faults.schedule import Step
from faults.target import Target, Way
from streams import topics
from streams.events import Interaction
from streams.journal import Forget

SEEN_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.1
ASKED_MS = START_MS + 60_000


async def forgotten(target: Target, step: Step) -> None:
    """Late events must not bring the customer back, not even over a kill; what is dated later may."""
    customer = f"customer-forgotten-{step.numbers['number']}"
    await _happen(target, customer, START_MS)
    await _until_shown(target, customer)
    asked = Forget(request=f"erasure of {step.numbers['number']}", customer=customer, at_ms=ASKED_MS)
    await forget.append(target.stack.kafka, asked)
    await _until_shown(target, customer, there=False)
    starts = target.slot(step).starts
    target.slot(step).kill(0.1)
    for late_ms in (START_MS + 1, ASKED_MS):
        await _happen(target, customer, late_ms)
    await forget.append(target.stack.kafka, asked)
    await _until_decided(target, customer)
    await target.slot(step).until_started_again(starts)
    tables = (await live_tables(target.stack.kafka)).values()
    found = sum(customer.encode() in part for table in tables for pair in table.items() for part in pair)
    assert not found, f"{found} records of a forgotten customer"  # noqa: S101 - told in the report
    assert not await _shown(target, customer), "the view of a forgotten customer is back"  # noqa: S101 - the same
    await _happen(target, customer, ASKED_MS + 1)
    await _until_shown(target, customer)
    await target.fleet.until_ready()


async def _happen(target: Target, customer: str, at_ms: int) -> None:
    """A login; all in one source partition, so that they are taken in in this order."""
    event = Interaction(id=f"{customer}-{at_ms}", customer=customer, at_ms=at_ms, kind="login")
    kafka = target.stack.kafka
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, client_id=damages.CLIENT) as producer:
        await producer.send_and_wait("interactions", msgspec.json.encode(event), partition=0)


async def _until_decided(target: Target, customer: str) -> None:
    """Until another customer's event is shown, that was taken in after all of this one's, in the same partition."""
    own = journal_place(customer, topics.PARTITIONS)
    names = (f"after-{number}-{customer[::-1]}" for number in count())
    after = next(name for name in names if journal_place(name, topics.PARTITIONS) == own)
    await _happen(target, after, START_MS)
    await _until_shown(target, after)


async def _until_shown(target: Target, customer: str, *, there: bool = True) -> None:
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while await _shown(target, customer) != there:  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(LOOK_SECONDS)


async def _shown(target: Target, customer: str) -> bool:
    async with Redis.from_url(target.stack.redis) as client:
        return bool(await client.exists(f"bellwether:customer:{customer}"))


WAYS: dict[str, Way] = {"forget": forgotten}
