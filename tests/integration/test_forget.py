"""`bellwether forget` on a cluster: state, view and marker; late events, a return, and the request once more."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest
import redis

from agents import settings
from agents.stack import Stack
from agents.stack.process import free_port
from agents.verify import live_tables, settled
from streams.events import Interaction, Profile
from tests.integration.running import running, until, until_ready

Command = Callable[..., Any]
CUSTOMER = "customer-to-forget"
START_MS = 1_700_000_000_000
ASKED_MS = START_MS + 10_000


@contextmanager
def worker(cluster: Stack, log: Path) -> Iterator[None]:
    with running((sys.executable, "-m", "agents.worker"), cluster, log):
        asyncio.run(until_ready(log))
        yield


async def happen(kafka: str, customer: str, at_ms: int) -> None:
    """A login and a profile of the customer's, taken in and decided."""
    login = Interaction(id=f"login-{at_ms}", customer=customer, at_ms=at_ms, kind="login")
    profile = Profile(id=f"profile-{at_ms}", customer=customer, at_ms=at_ms, value_minor=100)
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for topic, event in (("interactions", login), ("profiles", profile)):
            await producer.send_and_wait(topic, msgspec.json.encode(event), partition=1)
    await until(lambda: settled(kafka))


async def position(kafka: str) -> int | None:
    """The journal offset of the customer's state; None without one."""
    for table in (await live_tables(kafka)).values():
        if blob := table.get(CUSTOMER.encode()):
            return int(msgspec.msgpack.decode(blob)[1])
    return None


def views(cluster: Stack, *, there: bool) -> Callable[[], Awaitable[bool]]:
    """Whether Redis says so."""

    async def told() -> bool:
        with redis.Redis.from_url(cluster.redis) as client:
            return bool(client.exists(f"bellwether:customer:{CUSTOMER}")) == there

    return told


def test_a_forgotten_customer_stays_forgotten(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.KAFKA, cluster.kafka)
    monkeypatch.setenv(settings.TICKS, "none")  # a minute that turns would move the customer's position too
    kafka = cluster.kafka
    asked = ("forget", CUSTOMER, "--request", "r1", "--at-ms", str(ASKED_MS), "--reason", "a letter", "--json")
    with worker(cluster, tmp_path / "log"):
        asyncio.run(happen(kafka, CUSTOMER, START_MS))
        asyncio.run(happen(kafka, "another", START_MS))
        assert asyncio.run(position(kafka)) is not None
        asyncio.run(until(views(cluster, there=True)))
        told = json.loads(bellwether(*asked).out)
        assert (told["request"], told["at_ms"]) == ("r1", ASKED_MS)
        asyncio.run(until(lambda: settled(kafka)))
        assert asyncio.run(position(kafka)) is None
        asyncio.run(until(views(cluster, there=False)))
    with worker(cluster, tmp_path / "log"):
        asyncio.run(happen(kafka, CUSTOMER, START_MS + 1))
        assert asyncio.run(position(kafka)) is None, "late events don't bring a customer back, after a restart neither"
        asyncio.run(happen(kafka, CUSTOMER, ASKED_MS + 1))
        returned = asyncio.run(position(kafka))
        assert returned is not None, "what comes after the request is a new customer"
        assert bellwether(*asked).code == 0
        asyncio.run(until(lambda: settled(kafka)))
        assert asyncio.run(position(kafka)) == returned, "the same request doesn't erase the new customer"
        audit = bellwether("verify", "--json")
    accounting = next(one for one in json.loads(audit.out)["checks"] if one["id"] == "I6")
    assert (audit.code, accounting["counts"]["forgotten"], accounting["counts"]["entries_forget"]) == (0, 2, 2)


def test_what_it_cannot_do_is_told(bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bellwether("forget", "x" * 200).code == 2
    monkeypatch.setenv(settings.KAFKA, f"127.0.0.1:{free_port()}")
    ended = bellwether("forget", CUSTOMER)
    assert (ended.code, ended.out) == (3, "")
    assert "out of reach" in ended.err
