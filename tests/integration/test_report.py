"""`bellwether report` on a cluster: what its topics hold, and the same as from a dump of its journal."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest

from agents.stack import Stack
from agents.stack.process import free_port
from agents.verify import settled
from streams.events import CardTransaction, Event, Verdict
from tests.integration.running import running, until, until_ready

Command = Callable[..., Any]
HOUR_MS = 3_600_000
ANSWERS = {"anna": "fraud", "ben": "genuine", "cem": None}


def purchase(customer: str, name: str, at_ms: int, amount_minor: int) -> CardTransaction:
    identity, card, merchant = f"{customer}-{name}", f"card-{customer}", f"merchant-{name}"
    return CardTransaction(
        id=identity,
        customer=customer,
        at_ms=at_ms,
        card=card,
        amount_minor=amount_minor,
        currency="EUR",
        merchant=merchant,
    )


async def send(kafka: str, topic: str, *several: Event) -> None:
    """Events of a topic, taken in and decided."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for event in several:
            await producer.send_and_wait(topic, msgspec.json.encode(event), partition=0)
    await until(lambda: settled(kafka))


async def happen(kafka: str) -> None:
    """Three cards are tested; two cardholders answer."""
    now_ms = time.time_ns() // 1_000_000
    for customer, answer in ANSWERS.items():
        small = purchase(customer, "small", now_ms - HOUR_MS, 199)
        large = purchase(customer, "large", now_ms - HOUR_MS // 2, 90_000)
        await send(kafka, "card-transactions", small, large)
        if answer is not None:
            asked = Verdict(id=f"{customer}-v", customer=customer, at_ms=now_ms, transaction=large.id, answer=answer)
            await send(kafka, "verdicts", asked)


def test_a_report_on_a_cluster_is_that_on_its_journal(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
    with running((sys.executable, "-m", "agents.worker"), cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log"))
        asyncio.run(happen(cluster.kafka))
        told = bellwether("report", "--json")
        dump = tmp_path / "journal.jsonl"
        assert bellwether("journal", "dump", "--output", str(dump)).code == 0
    found = json.loads(told.out)
    (checks,) = found["fraud"]
    assert (checks["asked"], checks["unanswered"]) == (3, 1)
    assert (checks["precision"]["count"], checks["precision"]["total"]) == (1, 2)
    assert found["sent"] == {"card_testing": 3, "fraud_verdict": 2}
    assert json.loads(bellwether("report", "--json", "--input", str(dump)).out) == found
    told = bellwether("learn")
    assert (told.code, told.out) == (0, "")
    assert "Cardholders' answers: 2" in told.err


def test_a_cluster_out_of_reach_is_told(bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
    ended = bellwether("report")
    assert (ended.code, ended.out) == (3, "")
    assert "out of reach" in ended.err
