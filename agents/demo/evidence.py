"""What a run left behind, live and replayed, and whether the two agree."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct, field

from agents import journal_dump
from agents.demo.truth import Truth
from agents.kafka_reader import read_table
from agents.replay import Replay
from streams import topics
from streams.actions import Decision, decode_decision, destinations, encode_decision, headers
from streams.journal import Tick
from streams.partition import PARTITION_KEY, PartitionRecord

DIFFERENCES_TOLD_MAX = 3
Tables = dict[int, dict[bytes, bytes]]


class Published(NamedTuple):
    """A record as another system reads it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Evidence(Struct, kw_only=True):
    """Everything the report is made from.

    Attributes:
        sent: source records, the unreadable ones among them.
        seconds: from the first record sent to the last decision.
        unreadable: how many records were spoilt, by the reason each must get.
        live: what was published, by topic and partition, in order.
        tables: the state that the workers keep, by partition and key.
        exit_code: of the workers; None: they still run.
        restarts: workers that stopped by themselves meanwhile.
    """

    sent: int
    seconds: float
    truth: Truth
    unreadable: Counter[str]
    live: dict[TopicPartition, list[Published]]
    tables: Tables
    exit_code: int | None
    restarts: int
    replayed: "Replayed"


class Replayed(Struct):
    """What a replay of the journal published and keeps.

    Attributes:
        undecided: entries that the workers never got to.
    """

    machine: Replay = field(default_factory=Replay)
    published: dict[TopicPartition, list[Published]] = field(default_factory=dict)
    undecided: int = 0


def as_published(record: ConsumerRecord) -> Published:
    """A record without what the broker adds to it."""
    return Published(record.key, record.value, tuple(record.headers))


async def live_tables(kafka: str) -> Tables:
    """The state that the workers keep, read from its changelog."""
    return await read_table(kafka, topics.CHANGELOG.name, range(topics.PARTITIONS))


async def replay(kafka: str, tables: Tables, progress: Callable[[int, int], object]) -> Replayed:
    """Decide the whole journal again, as far as the workers got; what only ticks add after that doesn't count."""
    reached = {number: _position(table) for number, table in tables.items()}
    replayed = Replayed()
    async for number, record in journal_dump.read(kafka, progress):
        if record.offset > reached[number]:
            replayed.undecided += not isinstance(record.entry, Tick)
            continue
        for decision in replayed.machine.apply(number, record):
            one = Published(decision.customer.encode(), encode_decision(decision), tuple(headers(decision)))
            for topic in destinations(decision):
                replayed.published.setdefault(TopicPartition(topic, number), []).append(one)
    return replayed


def decisions(evidence: Evidence) -> Iterator[tuple[int, Decision]]:
    """The live decisions with their partition, by partition and in order."""
    for place, records in sorted(evidence.live.items()):
        if place.topic == topics.DECISIONS.name:
            for record in records:
                yield place.partition, decode_decision(record.value or b"")


def repeated_ids(evidence: Evidence) -> list[str]:
    """Ids that were published more than once in the same topic."""
    found: list[str] = []
    for topic in (topics.DECISIONS, topics.FRAUD_CHECK_ACTIONS, topics.RETENTION_ACTIONS):
        records = (one for place, some in evidence.live.items() if place.topic == topic.name for one in some)
        counts = Counter(_id(record) for record in records)
        found += [f"{identifier} in {topic.name}" for identifier, count in counts.items() if count > 1]
    return found


def dead_letters(evidence: Evidence) -> Counter[str]:
    """How many dead letters there are, by reason."""
    letters = (one for place, some in evidence.live.items() if place.topic == topics.DEAD_LETTERS.name for one in some)
    return Counter(dict(letter.headers)["bellwether.reason"].decode() for letter in letters)


def differences(evidence: Evidence) -> Iterator[str]:
    """Where live and replayed publications part, the first place of each partition."""
    replayed = evidence.replayed.published
    for place in sorted(evidence.live.keys() | replayed.keys()):
        if place.topic != topics.DEAD_LETTERS.name:
            yield from _first_difference(place, evidence.live.get(place, ()), replayed.get(place, ()))


def state_differences(evidence: Evidence) -> int:
    """How many records of the state differ between the workers' and the replay's."""
    replayed = evidence.replayed.machine.tables
    return sum(
        table.get(key) != replayed.get(number, {}).get(key)
        for number, table in evidence.tables.items()
        for key in table.keys() | replayed.get(number, {}).keys()
    )


def _first_difference(place: TopicPartition, live: Sequence[Published], again: Sequence[Published]) -> Iterator[str]:
    for number, (one, other) in enumerate(zip_longest(live, again)):
        if one != other:
            yield f"{place.topic}, partition {place.partition}, record {number}: live {_id(one)}, replay {_id(other)}"
            return


def _id(record: Published | None) -> str:
    return "nothing" if record is None else dict(record.headers)["ce_id"].decode()


def _position(table: dict[bytes, bytes]) -> int:
    return msgspec.msgpack.decode(table.get(PARTITION_KEY, b"\x90"), type=PartitionRecord).position
