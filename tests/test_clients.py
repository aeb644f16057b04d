"""Every client of Kafka and Redis that the product makes gets in by way of `agents.clients`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import faust
import pytest

from agents import clients, faust_app, stop
from agents.access import KafkaAccess, Secret, Tls
from agents.cli import output

ROOT = Path(__file__).parents[1]
KAFKA = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "AIOKafkaClient", "BatchConsumer"}
LOCAL = "agents/stack/redis_server.py"  # asks the server that it has just started itself


def made(text: str) -> Iterator[tuple[int, bool]]:
    """Where a client is made, and whether it is the right way."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        wanted = "clients.to_kafka" if called.rpartition(".")[2] in KAFKA else "clients.to_redis"
        if wanted == "clients.to_kafka" or called in ("Redis", "Redis.from_url"):
            starred = [ast.unparse(one.value) for one in node.keywords if one.arg is None]
            yield node.lineno, any(one.startswith(f"{wanted}(") for one in starred)


def test_a_client_made_otherwise_is_found() -> None:
    text = "aiokafka.AIOKafkaProducer(bootstrap_servers=kafka)\nRedis.from_url(**clients.to_redis(url))\nRedis(port=1)"
    assert list(made(text)) == [(1, False), (2, True), (3, False)]


def test_no_client_of_ours_is_made_without_access() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": good
        for path in sorted((ROOT / "agents").rglob("*.py"))
        if str(path.relative_to(ROOT)) != LOCAL
        for line, good in made(path.read_text())
    }
    assert len(found) > 10
    assert [place for place, good in found.items() if not good] == []


def test_without_anything_set_a_client_gets_the_address_alone() -> None:
    assert clients.to_kafka("kafka:9092") == {"bootstrap_servers": "kafka:9092"}
    assert clients.to_redis("redis://redis") == {"url": "redis://redis"}


def test_what_is_set_reaches_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": "worker",
        "KAFKA_SASL_PASSWORD": "pass-word",
        "REDIS_PASSWORD": "other-word",
    }.items():
        monkeypatch.setenv(f"BELLWETHER_{name}", value)
    options = clients.to_kafka("kafka:9092")
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": "kafka:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "worker",
        "sasl_plain_password": "pass-word",
    }
    assert clients.to_redis("redis://redis") == {"url": "redis://redis", "username": None, "password": "other-word"}


def test_fausts_own_consumer_gets_in_the_same_way() -> None:
    user = {"mechanism": "SCRAM-SHA-256", "username": "worker", "password": Secret("pass-word")}
    plain, tls, both, sasl = (
        faust_app._credentials(access)
        for access in (
            KafkaAccess(),
            KafkaAccess(protocol="SSL", tls=Tls()),
            KafkaAccess(protocol="SASL_SSL", **user),
            KafkaAccess(protocol="SASL_PLAINTEXT", **user),
        )
    )
    assert plain is None
    assert isinstance(tls, faust.SSLCredentials)
    assert [one.protocol.value for one in (tls, both, sasl)] == ["SSL", "SASL_SSL", "SASL_PLAINTEXT"]
    assert [(one.username, one.password, one.mechanism.value) for one in (both, sasl)] == [
        ("worker", "pass-word", "SCRAM-SHA-256")
    ] * 2


def test_refusals_are_errors_that_there_are() -> None:
    from aiokafka import errors  # noqa: PLC0415 - beside its use
    from redis import exceptions  # noqa: PLC0415 - the same

    known = {name for module in (errors, exceptions) for name in vars(module)}
    assert known >= stop.REFUSALS
    assert output.ACCESS_REFUSED == stop.Code.ACCESS_REFUSED
    assert stop.is_refusal(errors.TopicAuthorizationFailedError())
    assert stop.is_refusal(exceptions.AuthenticationWrongNumberOfArgsError()) is False
    assert not stop.is_refusal(errors.KafkaConnectionError())
