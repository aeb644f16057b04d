"""Mapped sources on a cluster: through a worker to the journal, replayed after a fix, retired, all accounted for."""

import asyncio
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest
from msgspec import structs

from agents import config_apply, config_files, map_topics, settings, sources, stack, topic_admin
from agents.journal_dump import read
from agents.stack import Stack
from agents.verify import settled
from faults.uneven import grow
from streams.events import Purchase
from streams.journal import EventEntry
from streams.mapping.fed import FedMap
from tests.integration.running import running, until, until_ready

Command = Callable[..., Any]
WORKER = (sys.executable, "-m", "agents.worker")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
AUTHORISATIONS, REPORTS, ORDERS = "iso8583-authorisations", "camt-reports", "csv-orders"
OWNERS, NEW_CARDS = "card-owners", 25
OURS = Purchase(
    id="own-1",
    customer="customer-2",
    at_ms=1_774_000_000_000,
    product="p",
    category="c",
    amount_minor=1,
    currency="EUR",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config folder with the mapped sources of the docs, and one with our own names beside them."""
    for name in ("triggers.yaml", "policy.yaml"):
        shutil.copy(settings.PACKAGED_CONFIG / name, tmp_path)
    shutil.copy(EXAMPLES / "cards.csv", tmp_path)
    said = (EXAMPLES / "sources.yaml").read_text()
    (tmp_path / "sources.yaml").write_text(said.replace("\nsources:\n", "\nsources:\n  purchases: {type: purchase}\n"))
    return tmp_path


@pytest.fixture
def bank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A cluster that has the topics of those sources and no others."""
    with stack.running() as running_stack:
        kafka = running_stack.kafka
        asyncio.run(topic_admin.create(kafka, sources.load(folder)))
        asyncio.run(config_apply.append(kafka, config_files.load(folder), 0))
        for name, value in (("KAFKA", kafka), ("CONFIG", str(folder)), ("TICKS", "none")):
            monkeypatch.setenv(f"BELLWETHER_{name}", value)
        yield running_stack


async def send(kafka: str) -> None:
    """The examples of the docs, a record of our own, and one that a schema registry's serializer wrote."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for topic in (AUTHORISATIONS, REPORTS, ORDERS):
            for number, line in enumerate((EXAMPLES / f"{topic}.jsonl").read_bytes().splitlines()):
                await producer.send_and_wait(topic, line, partition=number % 4)
        await producer.send_and_wait("purchases", msgspec.json.encode(OURS), partition=0)
        await producer.send_and_wait(REPORTS, b"\0\0\0\0\x07framed", partition=3)


async def journaled(kafka: str) -> Counter[tuple[str, str]]:
    """How many entries there are of each source topic and customer."""
    entries = [record.entry async for _, record in read(kafka, lambda *_: None)]
    return Counter((one.source.topic, one.event.customer) for one in entries if isinstance(one, EventEntry))


def work(bank: Stack, folder: Path, log: Path) -> None:
    """Let a worker read everything there is."""
    with running(WORKER, bank, log):
        asyncio.run(until_ready(log))
        asyncio.run(until(lambda: settled(bank.kafka, sources.load(folder))))


def clean(bellwether: Command) -> dict[str, int]:
    """Verify finds nothing; what it counted."""
    audit = json.loads(bellwether("verify", "--json").out)
    assert [one["findings"] for one in audit["checks"]] == [[]] * len(audit["checks"])
    counts: dict[str, int] = audit["checks"][0]["counts"]
    return counts


def test_mapped_sources_go_through_a_worker_and_a_fix_of_the_map_doubles_nothing(
    bank: Stack, folder: Path, tmp_path: Path, bellwether: Command
) -> None:
    assert bellwether("topics", "check").code == 0
    asyncio.run(send(bank.kafka))
    work(bank, folder, tmp_path / "log")
    first = Counter(
        {
            (AUTHORISATIONS, "customer-1"): 2,
            (AUTHORISATIONS, "customer-2"): 1,
            (REPORTS, "customer-1"): 2,
            (ORDERS, "customer-2"): 3,
            ("purchases", "customer-2"): 1,
        }
    )
    assert asyncio.run(journaled(bank.kafka)) == first
    listed = json.loads(bellwether("dlq", "list", "--json").out)["counts"]
    assert {(one["topic"], one["reason"]) for one in listed} == {
        (AUTHORISATIONS, "unknown_customer"),
        (REPORTS, "schema_registry_framing"),
        (REPORTS, "too_many_decimals"),
        (REPORTS, "wrong_length"),
        (ORDERS, "nonexistent_time"),
        (ORDERS, "wrong_type"),
    }
    assert clean(bellwether)["dead_letters"] == 6

    with (folder / "cards.csv").open("a") as cards:
        cards.write("tok_0000,customer-3\n")
    replayed = json.loads(bellwether("dlq", "replay", "--json").out)
    assert replayed["journaled"] == {AUTHORISATIONS: 1}
    again = json.loads(bellwether("dlq", "replay", "--json").out)
    assert (again["journaled"], again["before"]) == ({}, 1)
    work(bank, folder, tmp_path / "log")
    assert asyncio.run(journaled(bank.kafka)) == first + Counter({(AUTHORISATIONS, "customer-3"): 1})
    assert clean(bellwether)["replayed"] == 1

    said = (folder / "sources.yaml").read_text()
    (folder / "sources.yaml").write_text(said.replace("type: purchase\n", "type: purchase\n    retired: true\n"))
    assert sources.load(folder).names == ("purchases", AUTHORISATIONS, REPORTS)
    work(bank, folder, tmp_path / "log")
    assert clean(bellwether)["journal_events"] == 10


def owned(folder: Path) -> None:
    """The map of cards comes from a topic."""
    said = (folder / "sources.yaml").read_text()
    (folder / "sources.yaml").write_text(said.replace("{file: cards.csv}", f"{{topic: {OWNERS}}}"))


def authorisation(card: str, number: int) -> bytes:
    """One of the docs' authorisations, with another card and its own id."""
    record = json.loads((EXAMPLES / f"{AUTHORISATIONS}.jsonl").read_bytes().splitlines()[0])
    return msgspec.json.encode(record | {"primaryAccountNumber": card, "systemsTraceAuditNumber": f"{number:06}"})


async def written_and_used_at_once(kafka: str, folder: Path, step: int) -> None:
    """Each card is put into the map (at step 0), moved to another owner (1) or closed (2), and used at once."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        for number in range(NEW_CARDS):
            card, owner = f"tok_new_{number}", (f"owner-{number}".encode(), b'{"customer":"moved"}', None)[step]
            await producer.send_and_wait(OWNERS, owner, key=card.encode())
            await producer.send_and_wait(AUTHORISATIONS, authorisation(card, 3 * number + step), partition=number % 4)
    await until(lambda: settled(kafka, sources.load(folder)))  # what is written later may be known earlier


def test_a_map_that_a_topic_feeds_is_up_to_date_for_every_record(
    tmp_path: Path, folder: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned(folder)
    with stack.running() as running_stack:
        kafka, log = running_stack.kafka, tmp_path / "log"
        for name, value in (("KAFKA", kafka), ("CONFIG", str(folder)), ("TICKS", "none")):
            monkeypatch.setenv(f"BELLWETHER_{name}", value)
        assert bellwether("topics", "create").code == 0
        assert bellwether("topics", "check").code == 0
        asyncio.run(config_apply.append(kafka, config_files.load(folder), 0))
        with running(WORKER, running_stack, log):
            asyncio.run(until_ready(log))
            for step in range(3):
                asyncio.run(written_and_used_at_once(kafka, folder, step))
        expected = Counter({(AUTHORISATIONS, f"owner-{number}"): 1 for number in range(NEW_CARDS)})
        assert asyncio.run(journaled(kafka)) == expected + Counter({(AUTHORISATIONS, "moved"): NEW_CARDS})
        [letters] = json.loads(bellwether("dlq", "list", "--json").out)["counts"]
        assert (letters["reason"], letters["count"]) == ("unknown_customer", NEW_CARDS), "those that were closed"
        asyncio.run(reopened(kafka))
        assert json.loads(bellwether("dlq", "replay", "--json").out)["journaled"] == {AUTHORISATIONS: 1}
        work(running_stack, folder, log)
        assert clean(bellwether)["replayed"] == 1


async def reopened(kafka: str) -> None:
    """The first card is known again."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(OWNERS, b'"owner-0"', key=b"tok_new_0")


async def written(kafka: str, card: str, value: bytes, partition: int) -> None:
    """An entry in that partition of the map's topic."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(OWNERS, value, key=card.encode(), partition=partition)


async def test_a_map_topic_that_grows_twice_is_read_on_and_nothing_of_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_topics, "GROWTH_SEEN_MS_MAX", 200)
    cards, told = FedMap(OWNERS, "customer"), list[str]()
    with stack.running() as running_stack:
        kafka = running_stack.kafka
        await topic_admin.create(kafka, structs.replace(sources.OURS, fed=(cards,)))
        await written(kafka, "tok_0", b"{", 0)
        async with map_topics.MapTopics(kafka, [cards], lambda event, **_: told.append(event)) as maps:

            async def known() -> bool:
                await maps.catch_up()
                return all(f"tok_{count}" in cards.entries for count in (grown - 1, -grown))

            for grown in (6, 9):
                await grow(kafka, OWNERS, grown)
                await written(kafka, f"tok_{grown - 1}", b"customer-1", grown - 1)
                await written(kafka, f"tok_{-grown}", b"customer-2", 0)
                await until(known)
    assert told == ["map_entry_unreadable", "map_topic_grew", "map_topic_grew"]
    assert len(cards.entries) == 4


def test_a_worker_refuses_sources_that_mean_nothing(folder: Path, bank: Stack, tmp_path: Path) -> None:
    (folder / "sources.yaml").write_text("sources:\n  orders: {type: purchase, fields: {id: a..b}}\n")
    log = tmp_path / "log"
    with pytest.raises(AssertionError), running(WORKER, bank, log):
        asyncio.run(until(lambda: told(log)))
    [said] = [json.loads(line) for line in log.read_text().splitlines() if "sources_refused" in line]
    assert "sources.yaml:2" in said["error"]


async def told(log: Path) -> bool:
    """Whether the worker has said why."""
    return "sources_refused" in log.read_text()  # noqa: ASYNC240 - a short file
