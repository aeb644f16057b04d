"""The local stack, with real processes: what it promises to tests, the demo and an operator's terminal."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from redis import Redis

from agents import stack
from agents.stack import formatting, jars, kafka, process, redis_server
from agents.stack.process import Process, free_port


@pytest.fixture(autouse=True)
def our_own_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about starting one, whatever the environment offers."""
    for name in ("BELLWETHER_KAFKA", "BELLWETHER_REDIS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def started() -> Iterator[stack.Stack]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("BELLWETHER_KAFKA", "BELLWETHER_REDIS"):
            environment.delenv(name, raising=False)
        with stack.running() as running:
            yield running


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def send_committed(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-writer")
    async with producer, producer.transaction():
        await producer.send_and_wait(topic, value, partition=0)


async def read_committed(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", group_id=None)
    async with consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        records = await consumer.getmany(timeout_ms=10_000, max_records=1)
        return records[partition][0].value if records else None


def processes_of(folder: Path) -> list[psutil.Process]:
    """Everything on this machine that works in `folder`; redis-server hides its arguments, but not where it is."""
    found = []
    for candidate in psutil.process_iter(["cmdline", "cwd"]):
        told = [*(candidate.info["cmdline"] or []), candidate.info["cwd"] or ""]
        if any(str(folder) in word for word in told):
            found.append(candidate)
    return found


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from agents.cli import main; main()", "stack", *arguments, "--folder", str(folder)]
    return subprocess.run(line, check=False, capture_output=True, text=True)  # noqa: S603 -- our own command


async def test_a_committed_transaction_is_read_back(started: stack.Stack) -> None:
    await create_topic(started.kafka, "committed")
    await send_committed(started.kafka, "committed", b"kept")
    assert await read_committed(started.kafka, "committed") == b"kept"


async def test_a_record_survives_kill_9_of_the_broker(started: stack.Stack) -> None:
    await create_topic(started.kafka, "survivor")
    await send_committed(started.kafka, "survivor", b"kept")
    address, killed = started.kafka, started.pids["kafka"]
    started.kill_kafka()
    assert not psutil.pid_exists(killed)
    started.start_kafka()
    assert started.kafka == address
    assert started.pids["kafka"] != killed
    assert await read_committed(started.kafka, "survivor") == b"kept"


def test_redis_answers_and_comes_back_after_kill_9(started: stack.Stack) -> None:
    with Redis.from_url(started.redis) as client:
        assert client.ping()
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
    started.kill_redis()
    started.start_redis()
    with Redis.from_url(started.redis) as client:
        assert client.ping()


def test_servers_listen_on_loopback_only(started: stack.Stack) -> None:
    for pid in started.pids.values():
        listening = [c.laddr.ip for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


async def test_clients_are_told_the_advertised_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kafka.PERFORMANCE, "-XX:+UseSerialGC -XX:TieredStopAtLevel=3")
    advertised = free_port()
    with stack.running(
        tmp_path, kafka_advertised_port=advertised, kafka_properties={"broker.rack": "third"}
    ) as proxied:
        assert proxied.kafka == f"127.0.0.1:{advertised}"
        assert "-XX:TieredStopAtLevel=3" in psutil.Process(proxied.pids["kafka"]).cmdline()
        client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{proxied.kafka_part.port}")
        await client.bootstrap()
        told = client.cluster.brokers()
        await client.close()
    assert [(broker.host, broker.port, broker.rack) for broker in told] == [("127.0.0.1", advertised, "third")]


def test_up_status_and_down_from_different_processes(tmp_path: Path) -> None:
    up = command(tmp_path, "up", "--random-ports", "--json")
    assert up.returncode == 0, up.stderr
    assert len(processes_of(tmp_path)) == 2
    again = command(tmp_path, "up", "--random-ports", "--json")
    assert again.stdout == up.stdout  # the same processes, on the same ports
    assert command(tmp_path, "status").returncode == 0
    redis_pid = json.loads(up.stdout)["redis"]["pid"]
    psutil.Process(redis_pid).kill()
    halfway = command(tmp_path, "status", "--json")
    assert halfway.returncode == 1
    assert [json.loads(halfway.stdout)[part]["running"] for part in ("kafka", "redis")] == [True, False]
    down = command(tmp_path, "down", "--json")
    assert (down.returncode, json.loads(down.stdout)) == (0, {"stopped": ["kafka", "redis"]})
    assert [found for found in processes_of(tmp_path) if found.status() != psutil.STATUS_ZOMBIE] == []
    assert command(tmp_path, "status").returncode == 1


def test_down_removes_a_temporary_folder_and_every_process() -> None:
    with stack.running() as running:
        folder, pids = running.folder, list(running.pids.values())
        assert len(pids) == 2
    assert not folder.exists()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_process_that_took_over_the_pid_is_left_alone(started: stack.Stack) -> None:
    pid = started.pids["redis"]
    Process(pid, psutil.Process(pid).create_time() - 3600).stop()
    assert redis_server.answers(started.redis_part.port or 0)


def test_a_frozen_server_is_taken_down_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS_MAX", 0.3)
    frozen = redis_server.launch(tmp_path, free_port(), [])
    psutil.Process(frozen.pid).suspend()
    frozen.stop()
    assert not psutil.pid_exists(frozen.pid)


def test_a_state_file_that_is_not_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{}")
    asked = command(tmp_path, "status")
    assert asked.returncode == 3
    assert "stack.json can't be read" in asked.stderr


def test_addresses_in_the_environment_replace_our_own(
    started: stack.Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", started.kafka)
    monkeypatch.setenv("BELLWETHER_REDIS", started.redis)
    with stack.running(tmp_path) as borrowed:
        assert (borrowed.kafka, borrowed.redis) == (started.kafka, started.redis)
        assert borrowed.pids == {}
        assert processes_of(tmp_path) == []
    assert started.is_running()
    assert kafka.answers(started.kafka_part.port or 0)


def test_a_server_that_ends_at_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(stack.StackError, match=r"(?s)Redis ended while it started.*no-such-setting"):
        stack.up(tmp_path, redis_arguments=["--no-such-setting", "1"])
    with pytest.raises(stack.StackError, match=r"(?s)Kafka ended while it started.*no.such.Reporter"):
        stack.up(tmp_path, kafka_properties={"metric.reporters": "no.such.Reporter"})
    assert processes_of(tmp_path) == []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of the test's own, with nothing but the jars in it."""
    jars.class_path(jars.cache_folder())
    own = tmp_path / "bellwether" / "kafka"
    own.mkdir(parents=True)
    for jar in jars.locked():
        (own / jar.name).symlink_to(jars.cache_folder() / jar.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return own


def formatted(folder: Path) -> tuple[dict[str, str], bytes]:
    """Ids and feature levels of a new broker."""
    kafka.configure(folder, free_port(), None, {})
    lines = (folder / "data" / formatting.IDS).read_text().splitlines()
    ids = dict(line.split("=") for line in lines if not line.startswith("#"))
    return ids, (folder / "data" / formatting.LEVELS).read_bytes()


def test_kafkas_tool_formats_once_and_again_when_what_is_kept_of_it_is_damaged(tmp_path: Path, cache: Path) -> None:
    by_tool, levels = formatted(tmp_path / "first")
    ids, again = formatted(tmp_path / "second")
    assert (again, ids.keys()) == (levels, by_tool.keys()), "with the tool's own time stamps"
    assert (ids["version"], ids["node.id"]) == (by_tool["version"], by_tool["node.id"])
    assert len({ids["cluster.id"], ids["directory.id"], by_tool["cluster.id"], by_tool["directory.id"]}) == 4
    [kept] = cache.glob("levels-*")
    kept.write_bytes(kept.read_bytes()[:-1])
    assert formatted(tmp_path / "third")[1] != levels, "made anew"
    [kept] = cache.glob("levels-*")
    assert kept.read_bytes().endswith((tmp_path / "third" / "data" / formatting.LEVELS).read_bytes())


@pytest.mark.usefixtures("cache")
def test_a_cluster_id_may_begin_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" + bytes(15)))
    for way in ("by the tool", "without it"):
        assert formatted(tmp_path / way)[0]["cluster.id"].startswith("-AAAA")


def test_a_port_that_is_taken_is_named(started: stack.Stack, tmp_path: Path) -> None:
    taken = started.kafka_part.port
    with pytest.raises(stack.StackError, match=rf"Kafka can't listen on 127.0.0.1:{taken} \(Address already in use\)"):
        stack.up(tmp_path, kafka_port=taken)
