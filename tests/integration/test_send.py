"""`bellwether send` on a real Kafka: the records as the file has them, and the wait for what is decided on them."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place
from streams import topics
from tests.integration.running import running, until_ready

Command = Callable[..., Any]
BOUGHT = {
    "id": "1",
    "customer": "anna",
    "at_ms": 1000,
    "product": "p",
    "category": "c",
    "amount_minor": 1,
    "currency": "EUR",
}
RECORDS = [
    {"topic": "purchases", "key": "anna", "timestamp": 1000, "value": BOUGHT},
    {"topic": "usage", "key": None, "timestamp": 2000, "value": "no JSON"},
    {"topic": "usage", "key": 7, "timestamp": 3000, "value": None},
]
PURCHASES, USAGE = (topic for topic in topics.SOURCES if topic.name in ("purchases", "usage"))


async def kept(kafka: str, topic: topics.Topic) -> list[ConsumerRecord]:
    places = [Place(topic.name, number) for number in range(topics.PARTITIONS)]
    return [record async for _, several in committed_records(kafka, places) for record in several]


def test_records_are_sent_as_they_stand_and_waited_for(
    cluster: Stack, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
    file, unknown, log = tmp_path / "records.jsonl", tmp_path / "unknown.jsonl", tmp_path / "log"
    file.write_text("\n".join(map(json.dumps, RECORDS)))
    unknown.write_text("\n".join(map(json.dumps, [*RECORDS, RECORDS[0] | {"topic": "elsewhere"}])))
    refused = bellwether("send", str(unknown))
    assert refused.code == 1
    assert "no topic elsewhere" in refused.err
    assert asyncio.run(kept(cluster.kafka, PURCHASES)) == [], "nothing is sent of a file that can't be sent whole"

    nobody = bellwether("send", str(file), "--wait", "0.2", "--json")
    assert (nobody.code, json.loads(nobody.out)) == (1, {"sent": 3, "decided": False})
    assert "Is a worker running?" in nobody.err
    assert "deleted soon, read or not: 1 of purchases, 2 of usage." in nobody.err
    [bought] = asyncio.run(kept(cluster.kafka, PURCHASES))
    assert (bought.key, bought.timestamp, json.loads(bought.value)["customer"]) == (b"anna", 1000, "anna")
    used = asyncio.run(kept(cluster.kafka, USAGE))
    assert sorted((one.key, one.timestamp, one.value) for one in used if one.key) == [(b"7", 3000, None)]
    assert [one.value for one in used if one.key is None] == [b"no JSON"]

    worker = (str(Path(sys.executable).with_name("bellwether")), "worker")
    with running(worker, cluster, log):
        asyncio.run(until_ready(log))
        decided = bellwether("send", str(file), "--wait", "60")
        assert (decided.code, decided.out) == (0, "3 records sent, and decided.\n")
    assert len(asyncio.run(kept(cluster.kafka, topics.DEAD_LETTERS))) == 4
