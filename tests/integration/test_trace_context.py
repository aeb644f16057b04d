"""A trace goes through on a real Kafka: from the header of a source record to that of the action it led to."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import aiokafka
from aiokafka.partitioner import murmur2

from agents.demo.generator import SourceRecord, generate
from agents.kafka_log import append_batches
from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place, Record
from agents.verify import settled
from streams import topics
from streams.actions import Decision, decode_decision
from tests.integration.running import running, until, until_ready

EVENTS = 12_000
WORKER = (str(Path(sys.executable).with_name("bellwether")), "worker", "--ticks", "event-time", "--allowance", "P10D")
OUTPUTS = (topics.DECISIONS.name, "fraud-check-actions", "retention-actions")


def trace_of(event: str) -> str | None:
    """The trace that this event's source record is given: most have one, by its id."""
    digest = hashlib.sha256(event.encode()).hexdigest()
    return None if digest[0] in "0123" else f"00-{digest[:31]}e-{digest[32:47]}a-01"


def header_of(event: str) -> Sequence[tuple[str, bytes]]:
    """Who has no trace sends none, an empty one or rubbish."""
    trace = trace_of(event)
    if trace is not None:
        return [("source", b"core-banking"), ("traceparent", trace.encode())]
    nothing: bytes = None  # type: ignore[assignment]  # Kafka allows it, aiokafka's types do not say so
    return ((), [("traceparent", nothing)], [("traceparent", b"ada-lovelace")])[len(event) % 3]


async def send_traced(kafka: str, records: Sequence[SourceRecord]) -> None:
    batches: dict[Place, list[Record]] = {}
    for record in records:
        key, value = record.key.encode(), bytes(record.value)
        place = Place(record.topic, (murmur2(key) & 0x7FFFFFFF) % topics.PARTITIONS)
        batches.setdefault(place, []).append(Record(key, value, header_of(json.loads(value)["id"])))
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        for place, some in batches.items():
            await asyncio.gather(*await append_batches(producer, place, some))


async def published(kafka: str) -> dict[str, list[tuple[Decision, bytes | None]]]:
    """By topic: each decision, and the trace in its record's header."""
    found: dict[str, list[tuple[Decision, bytes | None]]] = {topic: [] for topic in OUTPUTS}
    places = [Place(topic, number) for topic in OUTPUTS for number in range(topics.PARTITIONS)]
    async for place, records in committed_records(kafka, places):
        for record in records:
            found[place.topic].append((decode_decision(record.value), dict(record.headers).get("traceparent")))
    return found


def test_the_trace_of_a_source_record_is_that_of_the_action_it_led_to(cluster: Stack, tmp_path: Path) -> None:
    records = list(generate(EVENTS, seed=4).records)
    cards = [record for record in records if record.topic == "card-transactions"]
    others = [record for record in records if record.topic != "card-transactions"]
    log = tmp_path / "log"
    with running(WORKER, cluster, log):
        asyncio.run(until_ready(log))
        # What other topics tell of later days would make a large purchase too old to ask about.
        for some in (cards, others):
            asyncio.run(send_traced(cluster.kafka, some))
            asyncio.run(until(lambda: settled(cluster.kafka)))
    assert "worker_stopped" not in log.read_text(), "no header ends a worker"
    found = asyncio.run(published(cluster.kafka))
    everything = [one for several in found.values() for one in several]
    assert {decision.traceparent is None for decision, _ in everything} == {True, False}
    for decision, header in everything:
        assert (header or b"").decode() == (decision.traceparent or ""), "header and body say the same"
        assert decision.traceparent in {None, *(trace_of(cause.event) for cause in decision.causes)}
    checks = found["fraud-check-actions"]
    assert any(decision.trigger == "card_testing" for decision, _ in checks), [one for one, _ in found["decisions"]]
    for decision, _ in checks:
        if decision.trigger == "card_testing":
            assert decision.traceparent == trace_of(decision.causes[-1].event), "the purchase that led to the check"
    kept = [decision for decision, _ in found["decisions"] if decision.family == "retention" and decision.traceparent]
    assert kept, "sent or not: which it is depends on what other topics have told by then"
