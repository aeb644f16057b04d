"""`bellwether verify` on a real broker: a clean run holds, and each tampering is found, by the right checks only."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import msgspec
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from agents import topic_admin
from agents.audit.findings import Audit
from agents.audit.sources import CHUNK, Sources, Taken, Tally
from agents.audit.state import States
from agents.demo.generator import generate
from agents.demo.poison import Poisoned
from agents.demo.send import send
from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.stack.process import free_port
from agents.unit_of_work import Place
from agents.verify import settled
from streams import state, topics
from streams.dead_letters import Rejected, dead_letter, marker
from streams.journal import ConfigVersion, Source, encode_entry
from streams.partition_record import RESERVED_KEYS
from streams.turn import BRIEFS_KEPT_MAX
from tests.integration.running import LONG_STEP_MS, running, until, until_ready

EVENTS = 3_000
CARD_NUMBER = b"4000 0566 5566 5556"  # a processor's published test number
CANARY = b"canary-7f3a"
Command = Callable[..., Any]
Headers = list[tuple[str, bytes]]


class Cluster:
    """A cluster that was worked on, and what the verification says after each change."""

    def __init__(self, bellwether: Command, canaries: Path) -> None:
        self.output = ""
        self._bellwether = bellwether
        self._canaries = canaries
        self._before: Counter[str] = Counter()

    def verify(self, *arguments: str) -> Audit:
        ended = self._bellwether("verify", "--json", "--privacy-canaries", str(self._canaries), *arguments)
        self.output += ended.out + ended.err
        audit = msgspec.json.decode(ended.out, type=Audit)
        assert ended.code == (1 if audit.broken else 0)
        return audit

    def newly_broken(self, *arguments: str) -> dict[str, int]:
        """How many findings each check has more than the last time."""
        audit = self.verify("--wait", "0", *arguments)
        found = Counter({check.id: check.broken for check in audit.checks})
        newly, self._before = found - self._before, found
        assert all(check.findings for check in audit.checks if check.broken)
        return dict(newly)


async def some(kafka: str, topic: topics.Topic) -> list[tuple[Place, ConsumerRecord]]:
    """The records of a topic."""
    places = [Place(topic.name, number) for number in range(topics.PARTITIONS)]
    return [(place, record) async for place, records in committed_records(kafka, places) for record in records]


@asynccontextmanager
async def producing(kafka: str, **settings: Any) -> AsyncIterator[aiokafka.AIOKafkaProducer]:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, **settings) as producer:
        yield producer


async def append(kafka: str, place: Place, key: bytes | None, value: bytes, headers: Headers) -> int:
    async with producing(kafka) as producer:
        sent = await producer.send_and_wait(
            place.topic, value, key=key, partition=place.partition, headers=list(headers)
        )
        return int(sent.offset)


async def again(kafka: str, topic: topics.Topic) -> None:
    """The last keyed record of a topic once more, in its partition: no tick, no config version."""
    place, record = next(pair for pair in reversed(await some(kafka, topic)) if pair[1].key)
    await append(kafka, place, record.key, record.value, record.headers)


def renamed(record: ConsumerRecord, name: bytes) -> Headers:
    return [(key, name if key == "ce_id" else value) for key, value in record.headers]


async def invented_decision(kafka: str) -> None:
    place, record = (await some(kafka, topics.DECISIONS))[0]
    await append(kafka, place, record.key, record.value, renamed(record, b"invented"))


async def card_number_and_canary_in_a_decision(kafka: str) -> None:
    place, record = (await some(kafka, topics.DECISIONS))[0]
    value = record.value[:-1] + b',"note":"' + CARD_NUMBER + b" " + CANARY + b'"}'
    await append(kafka, place, record.key, value, renamed(record, b"noted"))


async def anothers_state(kafka: str) -> None:
    """A customer gets another customer's state, of a partition that has two of them."""
    states = [(place, one) for place, one in await some(kafka, topics.CHANGELOG) if one.key not in RESERVED_KEYS]
    pairs = ((mine, other) for mine, other in combinations(states, 2) if mine[0] == other[0])
    (place, one), (_, other) = next(pair for pair in pairs if pair[0][1].key != pair[1][1].key)
    await append(kafka, place, one.key, other.value, [])


async def unread_entry(kafka: str) -> None:
    value = encode_entry(ConfigVersion("v2", b'{"policy":{},"triggers":{}}', 0))
    await append(kafka, Place(topics.JOURNAL.name, 0), None, value, [])


async def unread_source_record(kafka: str) -> None:
    await append(kafka, Place(topics.SOURCES[0].name, 2), b"c", b"{}", [])


async def skipped_source_record(kafka: str) -> None:
    """A record that the group's position has passed, though nobody took it in."""
    place = Place(topics.SOURCES[0].name, 1)
    offset = await append(kafka, place, b"c", b"{}", [])
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, group_id=topics.APP, enable_auto_commit=False)
    consumer.assign([TopicPartition(*place)])
    async with consumer:
        await consumer.commit({TopicPartition(*place): offset + 1})


@asynccontextmanager
async def open_transaction(kafka: str) -> AsyncIterator[None]:
    """One with a decision in it, ended with the block."""
    place, record = (await some(kafka, topics.DECISIONS))[0]
    async with producing(kafka, transactional_id="tampering") as producer:
        await producer.begin_transaction()
        headers = renamed(record, b"hidden")
        await producer.send_and_wait(place.topic, record.value, partition=place.partition, headers=headers)
        yield
        await producer.abort_transaction()


async def decision_in_an_aborted_transaction(kafka: str) -> None:
    async with open_transaction(kafka):
        pass


async def cut_off(kafka: str) -> tuple[Place, ConsumerRecord]:
    """Remove the first of several actions of a partition, as retention would; not the one that is there twice."""
    found = await some(kafka, topics.FRAUD_CHECK_ACTIONS)
    counts, values = Counter(place for place, _ in found), Counter(one.value for _, one in found)
    place, record = next((place, one) for place, one in found if counts[place] > 1 and values[one.value] == 1)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(*place): RecordsToDelete(before_offset=record.offset + 1)})
    finally:
        await admin.close()
    return place, record


async def while_open(kafka: str, tampered: Cluster) -> dict[str, int]:
    async with open_transaction(kafka):
        return await asyncio.to_thread(tampered.newly_broken)


@contextmanager
def worker(cluster: Stack, log: Path) -> Iterator[str]:
    """A worker that is ready; the address of its metrics."""
    with running((sys.executable, "-m", "agents.worker"), cluster, log):
        asyncio.run(until_ready(log))
        url = re.search(r'"url": "([^"]+)"', log.read_text())
        assert url
        yield url[1]


def work(kafka: str) -> None:
    """Send events and wait until they are decided."""
    asyncio.run(send(kafka, Poisoned(generate(EVENTS, seed=5).records, EVENTS), lambda _: None, LONG_STEP_MS))
    asyncio.run(until(lambda: settled(kafka)))


# What is done behind the workers' backs, and how many findings which checks have then. Not only I1 sees a decision
# with a card number in it: nobody decided it, either.
TAMPERINGS: tuple[tuple[Callable[[str], Awaitable[None]], dict[str, int]], ...] = (
    (lambda kafka: again(kafka, topics.DECISIONS), {"I2": 1}),
    (lambda kafka: again(kafka, topics.FRAUD_CHECK_ACTIONS), {"I2": 1}),
    (lambda kafka: again(kafka, topics.DEAD_LETTERS), {"I1": 1}),
    (invented_decision, {"I1": 1}),
    (decision_in_an_aborted_transaction, {"I2": 1}),
    (card_number_and_canary_in_a_decision, {"I1": 1, "I8": 2}),
    (anothers_state, {"I3": 1}),
    (skipped_source_record, {"I1": 1}),
    (unread_entry, {"I5": 1}),
    (unread_source_record, {"I5": 1}),
)


def test_a_clean_run_holds_and_each_tampering_is_found(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
    monkeypatch.setenv("BELLWETHER_TICKS", "event-time:P90D")  # by the wall clock the cards' purchases are long past
    canaries = tmp_path / "canaries.txt"
    canaries.write_bytes(CANARY + b"\ncanary-other\n")
    kafka, tampered = cluster.kafka, Cluster(bellwether, canaries)
    with worker(cluster, tmp_path / "log") as metrics:
        work(kafka)
        clean = tampered.verify("--metrics", metrics)
        assert (clean.is_settled, clean.broken) == (True, 0)
        assert [note for check in clean.checks for note in check.notes if "counters" in note] == []
        asyncio.run(again(kafka, topics.JOURNAL))
        asyncio.run(until(lambda: settled(kafka)))
        assert tampered.newly_broken("--metrics", metrics) == {"I1": 1, "I6": 1}, "an entry that no intake counted"
    with worker(cluster, tmp_path / "log") as metrics:
        notes = [note for check in tampered.verify("--metrics", metrics).checks for note in check.notes]
        assert any("counters can't be compared" in note for note in notes), "a new worker counts from nought"
    for tamper, expected in TAMPERINGS:
        asyncio.run(tamper(kafka))
        assert tampered.newly_broken() == expected
    assert asyncio.run(while_open(kafka, tampered)) == {"I5": 1}
    assert tampered.newly_broken() == {"I2": 1}, "it was aborted, and hidden from readers of committed records only"
    place, record = asyncio.run(cut_off(kafka))
    assert tampered.newly_broken() == {}, "retention has removed it"
    asyncio.run(append(kafka, place, record.key, record.value, record.headers))
    assert tampered.newly_broken() == {"I4": 1}
    asyncio.run(append(kafka, Place(topics.JOURNAL.name, 0), None, b"no entry", []))
    ended = bellwether("verify", "--wait", "0")
    assert (ended.code, ended.out) == (1, "")
    assert "customer-journal, partition 0, offset" in ended.err
    assert CARD_NUMBER.decode() not in tampered.output
    assert CARD_NUMBER.decode().replace(" ", "") not in tampered.output


def test_a_list_longer_than_the_rules_allow_is_found() -> None:
    brief = state.Brief("d", "card_testing", "clear", "sent", None, 0)
    for count, expected in ((BRIEFS_KEPT_MAX, 0), (BRIEFS_KEPT_MAX + 1, 1)):
        customer, states = state.Customer(), States()
        customer.decisions = [brief] * count
        table = {b"c": state.encode(customer)}
        states.compare(0, table, table)
        assert (states.size.count, states.equality.count, states.longest) == (expected, 0, count)


def test_a_state_that_cannot_be_read_is_a_difference() -> None:
    states = States()
    states.compare(3, {b"c": b"no state"}, {b"c": state.encode(state.Customer())})
    assert states.equality.told == [
        "partition 3: an unreadable state in the changelog, a state of journal offset -1 replayed"
    ]


def test_a_tally_knows_how_often_each_offset_was_counted() -> None:
    tally, offsets = Tally(), [0, CHUNK - 1, CHUNK, 5 * CHUNK + 3]
    assert [tally.add(offset) for offset in [*offsets, CHUNK]] == [*[Taken(1, 0)] * 4, Taken(2, 0)]
    assert [tally.add(0, letter=True) for _ in range(20)][-1] == Taken(1, 15)
    assert [offset in tally for offset in (0, 1, CHUNK, 9 * CHUNK)] == [True, False, True, False]
    assert [tally.before(end) for end in (0, 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3, 9 * CHUNK)] == [0, 1, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("entries", "letters", "markers", "problems", "replayed"),
    [
        (1, 0, 0, 0, 0),
        (0, 1, 0, 0, 0),
        (1, 1, 1, 0, 1),
        (1, 1, 0, 1, 0),
        (2, 0, 0, 1, 0),
        (0, 2, 1, 1, 0),
        (2, 1, 1, 1, 0),
        (1, 1, 2, 1, 0),
        (1, 0, 1, 1, 0),
        (0, 1, 1, 1, 0),
        (0, 0, 1, 1, 0),
    ],
)
def test_only_a_marker_explains_that_a_dead_letter_is_an_entry_too(
    entries: int, letters: int, markers: int, problems: int, replayed: int
) -> None:
    source, place, sources = Source("usage", 1, 7), Place(topics.DEAD_LETTERS.name, 1), Sources()
    letter = dead_letter(Rejected("not_json", "No.", None), source, None)
    for headers, count in ((letter.headers, letters), (marker(source, 3, None).headers, markers)):
        for _ in range(count):
            sources.letter(place, SimpleNamespace(headers=headers, offset=0))
    for _ in range(entries):
        sources.journaled(source)
    sources.reconcile()
    assert (sources.problems.count, sources.replayed) == (problems, replayed)
    assert entries + letters - sources.replayed - sources.again in (0, 1), "each source record counts once"


def test_what_is_out_of_reach_is_told(bellwether: Command, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
    ended = bellwether("verify")
    assert ended.code == 3
    assert "out of reach" in ended.err
    monkeypatch.setenv("BELLWETHER_KAFKA", stack.kafka)
    asyncio.run(topic_admin.create(stack.kafka))
    ended = bellwether("verify", "--wait", "0", "--metrics", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 3
    assert "--metrics" in ended.err
    ended = bellwether("verify", "--privacy-canaries", "no-such-file")
    assert ended.code == 2
    assert "no-such-file" in ended.err
