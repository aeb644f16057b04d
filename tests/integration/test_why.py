"""`bellwether explain` and `bellwether customer` on a cluster: what was published is what they tell."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest

from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place
from agents.verify import settled
from streams import topics
from streams.events import CardTransaction, Event, Profile
from tests.integration.running import running, until, until_ready

Command = Callable[..., Any]
CUSTOMER = "customer-who-asks"
START_MS = 1_700_000_000_000


def purchase(name: str, minutes: int, amount_minor: int, merchant: str) -> CardTransaction:
    at_ms = START_MS + minutes * 60_000
    money = {"amount_minor": amount_minor, "currency": "EUR"}
    return CardTransaction(id=name, customer=CUSTOMER, at_ms=at_ms, card="tok-1", merchant=merchant, **money)  # type: ignore[arg-type]


HAPPENED: list[tuple[str, Event]] = [
    ("profiles", Profile(id="profile", customer=CUSTOMER, at_ms=START_MS, channels=("email",), value_minor=5_000)),
    ("card-transactions", purchase("test", 1, 199, "kiosk")),
    ("card-transactions", purchase("theft", 11, 90_000, "jeweller")),
]


async def happen(kafka: str) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for topic, event in HAPPENED:
            await producer.send_and_wait(topic, msgspec.json.encode(event), partition=1)
    await until(lambda: settled(kafka))


async def published(kafka: str) -> list[tuple[Place, Any]]:
    places = [Place(topics.DECISIONS.name, number) for number in range(topics.PARTITIONS)]
    return [
        (place, json.loads(record.value or b""))
        async for place, records in committed_records(kafka, places)
        for record in records
    ]


def test_a_decision_on_the_cluster_is_explained_and_its_customer_told(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
    monkeypatch.setenv("BELLWETHER_TICKS", "none")
    with running((sys.executable, "-m", "agents.worker"), cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log"))
        asyncio.run(happen(cluster.kafka))
        [(place, decision)] = asyncio.run(published(cluster.kafka))
        ended = bellwether("explain", decision["id"], "--json")  # while the worker runs: nothing is in its way
    assert ended.code == 0
    told = json.loads(ended.out)
    assert (told["decision"], told["partition"]) == (decision, place.partition)
    assert [cause["event"]["id"] for cause in told["causes"]] == ["test", "theft"]
    assert [cause["source"]["topic"] for cause in told["causes"]] == ["card-transactions"] * 2
    story = json.loads(bellwether("customer", CUSTOMER, "--json").out)
    entries = [one["entry"]["id"] for one in story["timeline"] if one["entry"]]
    assert sorted(entries) == ["profile", "test", "theft"]
    assert [one["decision"] for one in story["timeline"] if one["decision"]] == [decision]
    assert story["known"]["fraud_check"] is not None
    for words in (("explain", "no-such-decision"), ("customer", "no-such-customer")):
        ended = bellwether(*words)
        assert (ended.code, ended.out) == (1, "")
        assert "older than" in ended.err
