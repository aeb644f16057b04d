"""When a lane tells the group where it is. On the log in memory; a lane that fails would end this process."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random
from types import SimpleNamespace

import pytest

from agents.accounting import Instruments
from agents.group_positions import committed_positions
from agents.health import Health
from agents.kafka_log import KafkaLog
from agents.lane import QUIET_SECONDS, TOLD_EVERY_SECONDS, Batch, Lane
from agents.metrics import Metrics
from agents.pace import Pace
from agents.unit_of_work import Fetched, Outputs, Place, Record
from tests.simulation.clients import Client, installed
from tests.simulation.cluster import Cluster

SOURCE, OUTPUT = Place("cards", 0), Place("decisions", 0)


class Copying:
    """Each record goes out as it came."""

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """See `Work`."""
        outputs = Outputs({place: records[-1].offset + 1 for place, records in fetched.items()}, lambda: None)
        for records in fetched.values():
            for one in records:
                outputs.add(OUTPUT, Record(one.key, one.value))
        return outputs


class Site:
    """A lane, and what is known of it from outside."""

    def __init__(self, lane: Lane, client: Client) -> None:
        self.lane = lane
        self._client = client
        self._next = 0

    def offer(self) -> None:
        """The next record comes."""
        record = SimpleNamespace(offset=self._next, timestamp=0, key=b"key", value=b"value", headers=())
        self.lane.offer(Batch(SOURCE, [record], self._next))
        self._next += 1

    async def told(self) -> int | None:
        """Where the group is, as far as it was told."""
        return (await committed_positions(self._client, "group", [SOURCE]))[SOURCE]  # type: ignore[arg-type]

    async def done(self, position: int) -> None:
        """Until the lane is there."""
        async with asyncio.timeout(5):
            while self.lane.positions[SOURCE] != position:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    cluster = Cluster(Random(0))  # noqa: S311 - not for secrets

    async def world(_: str) -> None:
        cluster.settle()

    with installed():
        client = Client(cluster, world)
        log = KafkaLog(client, "group-0", "group")  # type: ignore[arg-type]
        await log.start()
        lane = Lane(0, log, Copying(), {SOURCE: None}, Instruments(Metrics(), Health()), pace=Pace())
        yield Site(lane, client)
        await lane.drain()


async def test_a_lane_without_anything_tells_nothing(site: Site) -> None:
    await asyncio.sleep(3 * QUIET_SECONDS)
    assert await site.told() is None


async def test_the_first_unit_tells_then_none_for_a_while_then_quiet_does(site: Site) -> None:
    site.offer()
    await site.done(1)
    assert await site.told() == 1
    site.offer()
    await site.done(2)
    assert await site.told() == 1
    await asyncio.sleep(3 * QUIET_SECONDS)
    assert await site.told() == 2


async def test_where_records_keep_coming_it_is_told_now_and_then(site: Site) -> None:
    loop = asyncio.get_running_loop()
    began_at, told = loop.time(), set[int | None]()
    position = 0
    while loop.time() < began_at + 2.5 * TOLD_EVERY_SECONDS:
        position += 1
        site.offer()
        await site.done(position)
        told.add(await site.told())
        await asyncio.sleep(QUIET_SECONDS / 10)
    assert 3 <= len(told) < position / 3


async def test_who_drains_it_leaves_nothing_untold(site: Site) -> None:
    for _ in range(2):
        site.offer()
    await site.done(2)
    await site.lane.drain()
    assert await site.told() == 2
