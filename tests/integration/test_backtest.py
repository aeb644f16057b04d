"""A backtest of a running cluster: its live side is what was published, byte for byte, and it leaves nothing behind."""

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import aiokafka
import pytest

from agents.audit.log import Offsets, opened
from agents.demo.generator import SourceRecord, generate
from agents.demo.send import send_with_ticks
from agents.stack import Stack
from agents.verify import settled
from streams import sources, topics
from tests.integration.running import LONG_STEP_MS, running, until, until_ready

EVENTS = 8_000
SEED = 3
WORKERS = (str(Path(sys.executable).with_name("bellwether")), "worker", "--processes", "2", "--ticks", "none")
Command = Callable[..., Any]


def ends(kafka: str) -> Offsets:
    """Where every topic ends."""

    async def look() -> Offsets:
        async with opened(kafka, sources.NONE) as log:
            return await log.ends(committed=False)

    return asyncio.run(look())


def take_in(kafka: str, records: list[SourceRecord]) -> None:
    """Send these, with ticks, and wait until all are decided."""
    asyncio.run(send_with_ticks(kafka, records, lambda _: None, LONG_STEP_MS))
    asyncio.run(until(lambda: settled(kafka), 240))


async def forge(kafka: str) -> None:
    """Put a record among the decisions of each partition that no worker made."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for number in range(topics.PARTITIONS):
            await producer.send_and_wait(topics.DECISIONS.name, b"{}", partition=number)


@pytest.fixture
def tried(tmp_path: Path) -> str:
    folder = tmp_path / "tried"
    folder.mkdir()
    (folder / "triggers.yaml").write_text("triggers: {card_testing: {mode: live}, win_back: {mode: live, wait: P2D}}\n")
    return str(folder)


def test_live_decisions_are_those_of_the_live_config(
    cluster: Stack, tmp_path: Path, tried: str, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)

    def backtest(*arguments: str) -> tuple[int, Any]:
        ended = bellwether("backtest", "--config", tried, *arguments, "--json")
        return ended.code, json.loads(ended.out)

    records = list(generate(EVENTS, SEED).records)
    with running(WORKERS, cluster, tmp_path / "log"):
        asyncio.run(until_ready(tmp_path / "log", 2))
        assert backtest()[1]["live"]["is_equal"] is None, "nothing was decided yet"
        take_in(cluster.kafka, records[: len(records) // 2])
        before = ends(cluster.kafka)
        code, found = backtest()
        assert ends(cluster.kafka) == before, "live state and topics are untouched"
        published = sum(end for place, end in before.items() if place.topic == topics.DECISIONS.name)
        assert (code, found["live"]["is_equal"], found["live"]["differences"]) == (0, True, [])
        assert 0 < found["live"]["compared"] <= published
        assert found["history"]["entries"]["event"] == len(records) // 2

        dump = tmp_path / "journal.jsonl"
        assert bellwether("journal", "dump", "--output", str(dump)).code == 0
        code, of_dump = backtest("--from", str(dump))
        same = ("old", "new", "total", "contacts", "triggers")
        assert {name: of_dump[name] for name in same} == {name: found[name] for name in same}
        assert found["total"]["lost"] > 0, "most triggers are off in what is tried"

        asyncio.run(forge(cluster.kafka))
        take_in(cluster.kafka, list(islice(records, len(records) // 2, None)))
        code, found = backtest()
    assert (code, found["live"]["is_equal"]) == (1, False)
    assert any("differs" in line for line in found["live"]["differences"])
