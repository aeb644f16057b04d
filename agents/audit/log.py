"""The log as the verification reads it: everything up to ends that were seen at one moment, committed or not.

A moment counts as quiet when no output or source grew while it was looked at, no transaction was open, and the group
had nothing left to read. Ticks go on for ever, so those at the journal's end don't count.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import NamedTuple

import aiokafka
import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct

from agents import clients
from agents.audit.metrics import Scraped
from agents.group_positions import committed_positions
from agents.journal_dump import JournalError
from agents.kafka_reader import FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX, READ_LIMIT_MS, STALLED_SECONDS
from agents.topic_admin import MissingTopic, every, partition_counts
from agents.unit_of_work import Place
from streams import topics
from streams.journal import Tick, decode_entry
from streams.sources import Sources

PAUSE_SECONDS = 0.2
GROWS_BY_TICKS = frozenset((topics.JOURNAL.name, topics.CHANGELOG.name))
Offsets = dict[Place, int]
Records = list[ConsumerRecord]


class Span(NamedTuple):
    """Offsets of a place: the first, and the one after the last."""

    start: int
    end: int


class Log:
    """All topics of a cluster. `consumers`: by whether they read committed records only. `on_read` hears progress."""

    def __init__(
        self, places: list[Place], consumers: Mapping[bool, aiokafka.AIOKafkaConsumer], sources: Sources
    ) -> None:
        self.places = places
        self.sources = sources
        self.on_read: Callable[[int], object] = lambda _: None
        self._consumers = consumers

    def rest(self) -> None:
        """Read nothing, but know all topics: for `starts` and `ends`."""
        for consumer in self._consumers.values():
            consumer.assign(_partitions(self.places))
            consumer.pause(*_partitions(self.places))

    async def starts(self) -> Offsets:
        """The oldest offset of each place: retention may have removed what was before."""
        return _offsets(await self._consumers[True].beginning_offsets(_partitions(self.places)))

    async def ends(self, *, committed: bool = True) -> Offsets:
        """Where committed records end (the last stable offset), or all records (the high watermark)."""
        return _offsets(await self._consumers[committed].end_offsets(_partitions(self.places)))

    async def read(
        self, spans: Mapping[Place, Span], *, committed: bool = True
    ) -> AsyncIterator[tuple[Place, Records]]:
        """All records of these spans, each place in order.

        Raises:
            TimeoutError: nothing moved for a minute.
        """
        at = {TopicPartition(*place): span.start for place, span in spans.items() if span.start < span.end}
        if not at:
            return
        ends = {partition: spans[Place(*partition)].end for partition in at}
        consumer = self._consumers[committed]
        consumer.assign(list(at))
        for partition, start in at.items():
            consumer.seek(partition, start)
        while at:
            for partition, records in (await _moved(consumer, at)).items():
                yield Place(*partition), [record for record in records if record.offset < ends[partition]]
            reached = {partition: min(await consumer.position(partition), ends[partition]) for partition in at}
            self.on_read(sum(reached[partition] - at[partition] for partition in at))
            at = {partition: offset for partition, offset in reached.items() if offset < ends[partition]}


@asynccontextmanager
async def opened(kafka: str, sources: Sources) -> AsyncIterator[Log]:
    """The log of a cluster; a retired source needn't be there any more.

    Raises:
        MissingTopic: a topic of ours isn't there.
        KafkaError: the broker is out of reach, or refuses.
    """
    counts = await partition_counts(kafka)
    needed = every(sources)
    for topic in needed:
        if topic.name not in counts:
            raise MissingTopic(topic.name)
    names = [topic.name for topic in (*needed, *sources.retired)]
    places = [Place(name, number) for name in names for number in range(counts.get(name, 0))]
    stable, all_records = (_consumer(kafka, f"read_{isolation}") for isolation in ("committed", "uncommitted"))
    log = Log(places, {True: stable, False: all_records}, sources)
    log.rest()
    async with stable, all_records:
        yield log


def _consumer(kafka: str, isolation_level: str) -> aiokafka.AIOKafkaConsumer:
    return aiokafka.AIOKafkaConsumer(
        **clients.to_kafka(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
        fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
    )


async def _moved(
    consumer: aiokafka.AIOKafkaConsumer, at: Mapping[TopicPartition, int]
) -> dict[TopicPartition, Records]:
    """What comes next; nothing if only markers, or records of aborted transactions, were passed."""
    async with asyncio.timeout(STALLED_SECONDS):
        while True:
            fetched: dict[TopicPartition, Records] = await consumer.getmany(*at, timeout_ms=READ_LIMIT_MS)
            if fetched or [one for one in at if await consumer.position(one) > at[one]]:
                return fetched


class Moment(Struct, kw_only=True):
    """The log as it was at one moment.

    Attributes:
        starts: the oldest offset of each place.
        ends: where its committed records ended.
        hidden: how many offsets an open transaction hid, where one did.
        positions: the group's committed offset of each place that it reads, or read; None where it has none.
        is_quiet: whether nothing was under way.
        scraped: the workers' counters, if asked for.
    """

    starts: Offsets
    ends: Offsets
    hidden: Offsets
    positions: dict[Place, int | None]
    is_quiet: bool
    scraped: Scraped | None

    def spans(self, names: Iterable[str], number: int | None = None) -> dict[Place, Span]:
        """What can be read of these topics; of one partition number, or of all."""
        wanted = set(names)
        return {
            place: Span(self.starts[place], end)
            for place, end in self.ends.items()
            if place.topic in wanted and number in (None, place.partition)
        }

    @property
    def numbers(self) -> range:
        """Of all partitions that any topic has."""
        return range(1 + max(place.partition for place in self.ends))

    def is_unread(self, place: Place, offset: int) -> bool:
        """Whether the group has yet to read this record."""
        return offset >= (self.positions[place] or 0)


async def settled_moment(
    kafka: str, log: Log, wait_seconds: float, scrape: Callable[[], Awaitable[Scraped | None]]
) -> Moment:
    """The first moment at which nothing is under way, or the last within `wait_seconds`."""
    deadline = monotonic() + wait_seconds
    while True:
        moment = await _look(kafka, log, scrape)
        moment.is_quiet = moment.is_quiet and not await _has_unread(log, moment)
        if moment.is_quiet or monotonic() > deadline:
            return moment
        await asyncio.sleep(PAUSE_SECONDS)


async def _look(kafka: str, log: Log, scrape: Callable[[], Awaitable[Scraped | None]]) -> Moment:
    """Ends, twice the same if nothing moves. The journal's is taken last: a state never knows more than the journal."""
    log.rest()
    starts, before, ends = await log.starts(), await log.ends(), await log.ends()
    high = await log.ends(committed=False)
    names = {topic.name for topic in (*log.sources.known, topics.JOURNAL)}
    positions = await committed_positions(kafka, topics.APP, [one for one in log.places if one.topic in names])
    scraped = await scrape()
    after = await log.ends()
    hidden = {place: high[place] - end for place, end in after.items() if end < high[place]}
    moved = [place for place in log.places if place.topic not in GROWS_BY_TICKS and before[place] != after[place]]
    ends |= {place: end for place, end in after.items() if place.topic == topics.JOURNAL.name}
    return Moment(
        starts=starts,
        ends=ends,
        hidden=hidden,
        positions=positions,
        is_quiet=not hidden and not moved,
        scraped=scraped,
    )


async def _has_unread(log: Log, moment: Moment) -> bool:
    """Whether a source record, or a journal entry that is no tick, waits to be read."""
    spans = {
        place: Span(max(moment.starts[place], position or 0), moment.ends[place])
        for place, position in moment.positions.items()
        if place.topic in (*log.sources.names, topics.JOURNAL.name)
    }
    async for place, records in log.read(spans):
        if place.topic != topics.JOURNAL.name and records:
            return True
        for record in records:
            with readable(place, record):
                if not isinstance(decode_entry(record.value or b""), Tick):
                    return True
    return False


@contextmanager
def readable(place: Place, record: ConsumerRecord) -> Iterator[None]:
    """Around whatever is done with a journal record.

    Raises:
        JournalError: it is no entry.
    """
    try:
        yield
    except msgspec.MsgspecError as error:
        where = f"{place.topic}, partition {place.partition}, offset {record.offset}"
        raise JournalError(f"{where}: not a journal entry of this release ({error}).") from error


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]


def _offsets(found: Mapping[TopicPartition, int]) -> Offsets:
    return {Place(*partition): offset for partition, offset in found.items()}
