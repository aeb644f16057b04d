"""States made anew from the journal, when the changelog was lost or damaged. Nothing is published again.

    no worker runs -> its producers are fenced -> the journal is decided again, as far as it was -> states are written

How far that was, the group may know a moment late: the last decision that was published tells it too. How far sources
were read, the journal and the dead letters say, which hold each source record that was taken in.

What is written goes out in several transactions, the partition's own record in the last: whoever is interrupted leaves
a state behind that every worker refuses, and begins again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from agents import clients, journal_dump, source_positions
from agents.dlq import letters
from agents.group_positions import committed_positions
from agents.kafka_log import KafkaLog, lane_id
from agents.kafka_reader import committed_records, read_table
from agents.replay import Replay
from agents.unit_of_work import Place, Record
from agents.verify import as_published, id_of, state_position
from streams import topics
from streams.journal import EventEntry, Source
from streams.partition import JournalRecord, Partition
from streams.partition_record import PARTITION_KEY, SOURCES_KEY

RECORDS_PER_TRANSACTION = 5000
RUNNING = "Workers are running: stop all of them first. One that was killed counts for up to a minute."
GONE_SECONDS_MAX = 12.0  # a killed worker is a member of its group until its session ends, mostly
POLL_SECONDS = 0.5
MEMBERS = 5  # where a described group has them
Table = dict[bytes, bytes]


class RebuildError(Exception):
    """States can't be rebuilt now; says why."""


class Rebuilt(Struct, frozen=True):
    """What came of a partition.

    Attributes:
        position: up to where the journal is applied: the offset of the next entry.
        records: how many records its state has, the partition's own included.
        changed: how many of them were missing or different; `removed`: were there and shouldn't have been.
    """

    partition: int
    position: int
    records: int
    changed: int
    removed: int


async def rebuild(kafka: str, progress: Callable[[int, int], object] = lambda *_: None) -> list[Rebuilt]:
    """Write each partition's state as the journal gives it, up to where decisions were published.

    Raises:
        RebuildError: workers run, or the journal isn't whole.
        JournalError, MissingTopic: a record of the journal is no entry; there is no journal.
        KafkaError, TimeoutError: the broker is out of reach.
    """
    async with fenced(kafka) as logs:
        tables = await read_table(kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))
        reached = await _reached(kafka, tables)
        made = await _made(kafka, reached, progress)
        return [
            await _written(log, number, tables[number], made[number], reached[number])
            for number, log in enumerate(logs)
        ]


@asynccontextmanager
async def fenced(kafka: str, seconds_max: float = GONE_SECONDS_MAX) -> AsyncIterator[list[KafkaLog]]:
    """The workers' producers, by partition number: no worker can commit any more, and what was open is settled.

    Raises:
        RebuildError: workers run.
    """
    await without_workers(kafka, seconds_max)
    logs = [KafkaLog(kafka, lane_id(topics.APP, number), topics.APP) for number in range(topics.PARTITIONS)]
    try:
        await asyncio.gather(*(log.start() for log in logs))
        yield logs
    finally:
        await asyncio.gather(*(log.stop() for log in logs))


async def without_workers(kafka: str, seconds_max: float = GONE_SECONDS_MAX) -> None:
    """Wait until the group has no members.

    One that was killed counts until its session has ended; in the midst of a rebalance, until that times out, after a
    minute.

    Raises:
        RebuildError: it still has some.
    """
    admin = AIOKafkaAdminClient(**clients.to_kafka(kafka))
    await admin.start()
    try:
        async with asyncio.timeout(seconds_max):
            while await _members(admin):  # noqa: ASYNC110 - other processes have no event to wait for
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise RebuildError(RUNNING) from error
    finally:
        await admin.close()


async def _members(admin: AIOKafkaAdminClient) -> int:
    """How many workers the group has."""
    return sum(
        len(group[MEMBERS]) for one in await admin.describe_consumer_groups([topics.APP]) for group in one.groups
    )


async def _reached(kafka: str, tables: dict[int, Table]) -> dict[int, int]:
    """Up to where each journal partition was decided: the group and the state say it, and either may be lost."""
    places = [Place(topics.JOURNAL.name, number) for number in tables]
    committed = await committed_positions(kafka, topics.APP, places)
    reached = {place.partition: committed[place] or 0 for place in places}
    for number, table in tables.items():
        with suppress(msgspec.MsgspecError):  # damaged: the group knows it, then
            reached[number] = max(reached[number], state_position(table) + 1)
    return reached


async def _made(kafka: str, reached: dict[int, int], progress: Callable[[int, int], object]) -> dict[int, Table]:
    """The tables that the journal gives. Moves `reached` on to where decisions were published."""
    published = await _published(kafka)
    machine, tails, taken_in = Replay(), dict[int, list[JournalRecord]](), await _dead(kafka)
    first, last = dict[int, int](), dict.fromkeys(reached, -1)
    async for number, record in journal_dump.read(kafka, progress):
        first.setdefault(number, record.offset)
        last[number] = record.offset
        if isinstance(record.entry, EventEntry):
            _take(taken_in, record.entry.source)
        if record.offset < reached[number]:
            machine.apply(number, record)
        elif published[number]:
            tails.setdefault(number, []).append(record)
    _require_whole(reached, first, last)
    for number, tail in tails.items():
        reached[number] = max(reached[number], _decided_up_to(machine.tables.get(number, {}), tail, published[number]))
        for record in tail:
            if record.offset < reached[number]:
                machine.apply(number, record)
    for number in reached:
        kept = {place: (at, "") for place, at in taken_in.items() if place.partition % topics.PARTITIONS == number}
        if kept:
            machine.tables.setdefault(number, {})[SOURCES_KEY] = source_positions.record(kept).value or b""
    return {number: machine.tables.get(number, {}) for number in reached}


def _take(taken_in: dict[Place, int], source: Source) -> None:
    place = Place(source.topic, source.partition)
    taken_in[place] = max(taken_in.get(place, 0), source.offset + 1)


async def _dead(kafka: str) -> dict[Place, int]:
    """Where dead letters end, in their sources."""
    taken_in = dict[Place, int]()
    for letter in await letters.read(kafka):
        _take(taken_in, letter.source)
    return taken_in


async def _published(kafka: str) -> dict[int, set[str]]:
    """Ids of the decisions that are out, by partition."""
    ids: dict[int, set[str]] = {number: set() for number in range(topics.PARTITIONS)}
    async for place, records in committed_records(kafka, [Place(topics.DECISIONS.name, number) for number in ids]):
        ids[place.partition].update(id_of(as_published(record)) for record in records)
    return ids


def _decided_up_to(table: Table, tail: list[JournalRecord], published: set[str]) -> int:
    """Behind the last of these entries that led to a decision which is out; the first of all, if none did."""
    partition, reached = Partition(dict(table)), 0
    for record in tail:
        batch = partition.compute([record])
        partition.adopt(batch)
        if any(decision.id in published for decision in batch.decisions):
            reached = record.offset + 1
    return reached


def _require_whole(reached: dict[int, int], first: dict[int, int], last: dict[int, int]) -> None:
    for number, offset in reached.items():
        if first.get(number, 0) > 0:
            raise RebuildError(
                f"{topics.JOURNAL.name}, partition {number} begins at {first[number]}: the rest is gone."
            )
        if last[number] < offset - 1:
            raise RebuildError(
                f"{topics.JOURNAL.name}, partition {number} ends before {offset}, up to where it was read."
            )


async def _written(log: KafkaLog, number: int, found: Table, made: Table, reached: int) -> Rebuilt:
    """The partition's own record comes last: until then, nobody takes the rest for whole."""
    journal, changelog = Place(topics.JOURNAL.name, number), Place(topics.CHANGELOG.name, number)
    changes = list(_changes(found, made))
    for first in range(0, len(changes), RECORDS_PER_TRANSACTION):
        await log.begin()
        await log.append(changelog, changes[first : first + RECORDS_PER_TRANSACTION])
        await log.commit({journal: reached})
    removed = sum(one.value is None for one in changes)
    return Rebuilt(number, reached, len(made), len(changes) - removed, removed)


def _changes(found: Table, made: Table) -> Iterator[Record]:
    for key in found.keys() - made.keys():
        yield Record(key, None)
    for key in sorted(made, key=lambda one: one == PARTITION_KEY):
        if found.get(key) != made[key] or key == PARTITION_KEY:
            yield Record(key, made[key])
