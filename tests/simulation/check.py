"""What must hold when all is done: as the verifier says it of real runs, and two things more."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING
from unittest.mock import patch

from agents import journal_dump, verify
from agents.unit_of_work import Place
from streams import topics
from streams.journal import decode_entry
from streams.partition import JournalRecord
from tests.simulation.clients import Client
from tests.simulation.cluster import Cluster
from tests.simulation.loop import Loop
from tests.simulation.sources import PARTITIONS, READ

if TYPE_CHECKING:
    import asyncio

PUBLISHED = (topics.DECISIONS, topics.FRAUD_CHECK_ACTIONS, topics.RETENTION_ACTIONS)


def unread(cluster: Cluster) -> list[str]:
    """Records that nobody has applied yet."""
    read = {*READ.names, topics.JOURNAL.name}
    return [
        f"{place.topic}/{place.partition}"
        for place in sorted(cluster.places)
        if place.topic in read and cluster.committed(place, cluster.positions.get((topics.APP, place), 0))
    ]


def problems(client: Client, loop: Loop) -> list[str]:
    """Everything that doesn't hold; the most telling first."""
    cluster = client.cluster
    found = [f"I5 committed offset went back: {one}" for one in cluster.backwards]
    found += [f"I5 never read to its end: {one}" for one in unread(cluster)]
    found += [f"I5 something open hides the end of {place}" for place in cluster.places if _hidden(cluster, place)]
    found += [f"I2 {one}" for one in _unlike_uncommitted(cluster)]
    return [*_verified(client, loop), *found]


def _hidden(cluster: Cluster, place: Place) -> bool:
    return cluster.ends.get(place, 0) < len(cluster.places[place])


def _verified(client: Client, loop: Loop) -> list[str]:
    """I1 to I4, as `agents.verify` says it of a real run."""

    async def journal(_: Client, __: object) -> AsyncIterator[tuple[int, JournalRecord]]:
        for number in range(PARTITIONS):
            for one in client.cluster.committed(Place(topics.JOURNAL.name, number), 0):
                yield number, JournalRecord(one.offset, decode_entry(one.value or b""))

    with patch.object(journal_dump, "read", journal):
        task: asyncio.Task[tuple[verify.Evidence, list[str]]] = loop.create_task(verify.verify(client, READ))  # type: ignore[arg-type]
        loop.run()
    return task.result()[1]


def _unlike_uncommitted(cluster: Cluster) -> Iterator[str]:
    """A reader of uncommitted records that drops repeated ids sees what a reader of committed ones sees."""
    for place, log in cluster.places.items():
        if place.topic not in {topic.name for topic in PUBLISHED}:
            continue
        committed = {(one.headers, one.value) for one in cluster.committed(place, 0)}
        seen = {(one.headers, one.value) for one in log if not one.is_marker}
        if seen != committed:
            yield f"{place.topic}/{place.partition}: {len(seen - committed)} records that were never committed"
