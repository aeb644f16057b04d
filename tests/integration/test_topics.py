"""Topics on a real broker. Names are fixed by the catalogue, so these tests have a broker of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents import stack as local_stack
from agents import topic_admin
from agents.stack.process import free_port
from streams import topics


@pytest.fixture
def kafka() -> Iterator[str]:
    """The address of an empty broker, whatever the environment offers."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("BELLWETHER_KAFKA", "BELLWETHER_REDIS"):
            environment.delenv(name, raising=False)
        with local_stack.running() as running:
            yield running.kafka


def bellwether(kafka: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from agents.cli import main; main()", *arguments]
    environment = {"BELLWETHER_KAFKA": kafka, "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(line, check=False, capture_output=True, text=True, env=environment)  # noqa: S603 - our own


async def make(kafka: str, name: str, partitions: int, settings: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
    finally:
        await admin.close()


def test_create_makes_what_check_finds_in_order_and_a_second_time_makes_nothing(kafka: str) -> None:
    bare = bellwether(kafka, "topics", "check", "--json")
    assert bare.returncode == 1
    missing = [one["topic"] for one in json.loads(bare.stdout)["findings"] if one["aspect"] == "missing"]
    assert missing == [topic.name for topic in topics.ALL]
    refused = bellwether(kafka, "topics", "create", "--replication-factor", "3")  # of one broker
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "refused: " in refused.stderr
    assert "topic card-transactions: " in refused.stderr
    first = bellwether(kafka, "topics", "create", "--json")
    assert (first.returncode, json.loads(first.stdout)["created"]) == (0, missing)
    again = bellwether(kafka, "topics", "create", "--json")
    assert (again.returncode, json.loads(again.stdout)["created"]) == (0, [])
    good = bellwether(kafka, "topics", "check", "--json")
    assert (good.returncode, json.loads(good.stdout)) == (0, {"findings": []})


async def test_check_names_each_thing_that_is_wrong(kafka: str) -> None:
    await make(kafka, topics.JOURNAL.name, 3, {"retention.ms": "1000", "retention.bytes": "-1"})
    await make(kafka, topics.CHANGELOG.name, 4, {"cleanup.policy": "delete"})
    await make(kafka, "usage", 7, {"retention.ms": str(topics.SOURCES[0].retention_ms)})
    await make(kafka, topics.DECISIONS.name, 9, {"retention.ms": str(topics.DECISIONS.retention_ms)})
    await topic_admin.create(kafka)
    found = {(one.topic, one.aspect): (one.expected, one.found) for one in await topic_admin.check(kafka)}
    assert found == {
        ("customer-journal", "partitions"): ("4", "3, bellwether-customers-changelog has 4"),
        ("customer-journal", "retention.ms"): ("-1", "1000"),
        ("bellwether-customers-changelog", "partitions"): ("4", "4, customer-journal has 3"),
        ("bellwether-customers-changelog", "cleanup.policy"): ("compact", "delete"),
    }
    told = bellwether(kafka, "topics", "check")
    assert told.returncode == 1
    assert "customer-journal" in told.stdout
    assert "Traceback" not in told.stderr


def test_a_broker_out_of_reach_is_exit_code_3_with_a_hint() -> None:
    nowhere = bellwether(f"127.0.0.1:{free_port()}", "topics", "check")
    assert (nowhere.returncode, nowhere.stdout) == (3, "")
    assert "bellwether stack up" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
