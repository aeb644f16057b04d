"""TLS and credentials from the environment: what fits together, all that doesn't at once, and no secret in a word."""

import re
from pathlib import Path

import msgspec
import pytest
import trustme

from agents.access import KafkaAccess, RedisAccess, Secret, Tls
from agents.access_settings import KAFKA_PREFIX, VARIABLES, forget
from agents.rights import OPERATOR, REDIS_COMMANDS, REDIS_KEYS, WORKER, worker
from agents.settings import SettingsError, load
from streams import sources
from streams.mapping.conversions import Tables
from streams.mapping.document import SourcesDocument

SASL = {
    "BELLWETHER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "BELLWETHER_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "BELLWETHER_KAFKA_SASL_USERNAME": "worker",
    "BELLWETHER_KAFKA_SASL_PASSWORD": "pass-word",
}
PAGE = Path(__file__).parents[1] / "docs" / "deployment.md"


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A folder with an authority, a certificate and its key."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "authority"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key"))
    return tmp_path


def problems(environment: dict[str, str]) -> list[str]:
    """The lines of the refusal, none of which shows a secret."""
    with pytest.raises(SettingsError) as refused:
        load(environment)
    assert "pass-word" not in str(refused.value)
    return str(refused.value).splitlines()


def named(environment: dict[str, str]) -> list[str]:
    """The variables that the refusal names first, a line each, without what they all begin with."""
    lines = problems(environment)
    assert [line for line in lines if not re.match(r"BELLWETHER_[A-Z_]+: expected ", line)] == []
    return [line.partition(":")[0].removeprefix("BELLWETHER_") for line in lines]


def test_a_password_may_stand_in_a_file_and_its_last_line_break_is_not_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" pass-word \n")
    given = {**SASL, "BELLWETHER_KAFKA_SASL_PASSWORD": "", "BELLWETHER_REDIS_USERNAME": "views"}
    given |= {f"BELLWETHER_{name}_PASSWORD_FILE": str(tmp_path / "password") for name in ("KAFKA_SASL", "REDIS")}
    settings = load(given)
    assert settings.kafka_access == KafkaAccess(
        protocol="SASL_SSL", mechanism="SCRAM-SHA-512", username="worker", password=Secret(" pass-word ")
    )
    assert settings.redis_access == RedisAccess(username="views", password=Secret(" pass-word "))
    assert settings.redis_access.options() == {"username": "views", "password": " pass-word "}


def test_nothing_shows_a_secret() -> None:
    settings = load({**SASL, "BELLWETHER_REDIS_PASSWORD": "pass-word"})
    assert "pass-word" not in f"{settings!r} {settings} {settings.kafka_access.password}"


def test_files_of_tls_reach_both(pem: Path) -> None:
    files = {"SSL_CAFILE": "authority", "SSL_CERTFILE": "certificate", "SSL_KEYFILE": "key"}
    given = {f"BELLWETHER_{one}_{name}": str(pem / file) for one in ("KAFKA", "REDIS") for name, file in files.items()}
    given |= {"BELLWETHER_KAFKA_SECURITY_PROTOCOL": "ssl", "BELLWETHER_REDIS": "rediss://redis:6380"}
    settings = load(given)
    tls = Tls(*(str(pem / file) for file in files.values()))
    assert (settings.kafka_access.tls, settings.redis_access.tls) == (tls, tls)
    context = settings.kafka_access.options()["ssl_context"]
    assert len(context.get_ca_certs()) == 1
    assert settings.redis_access.options() == {
        "ssl_ca_certs": tls.cafile,
        "ssl_certfile": tls.certfile,
        "ssl_keyfile": tls.keyfile,
    }


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, ["KAFKA_SECURITY_PROTOCOL"]),
        ({"KAFKA_SASL_MECHANISM": ""}, ["KAFKA_SASL_MECHANISM"]),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, ["KAFKA_SASL_MECHANISM"]),
        (
            {"KAFKA_SASL_USERNAME": "", "KAFKA_SASL_PASSWORD": ""},
            ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE"],
        ),
        (
            {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
            ["KAFKA_SASL_MECHANISM"],
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": ""},
            ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"],
        ),
        ({"KAFKA_SASL_PASSWORD_FILE": "nowhere"}, ["KAFKA_SASL_PASSWORD_FILE"]),
        ({"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": "nowhere"}, ["KAFKA_SASL_PASSWORD_FILE"]),
        ({"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": "/dev/null"}, ["KAFKA_SASL_PASSWORD_FILE"]),
        ({"KAFKA_SSL_CAFILE": "nowhere"}, ["KAFKA_SSL_CAFILE"]),
        ({"KAFKA_SSL_CAFILE": "pyproject.toml"}, ["KAFKA_SSL_CAFILE"]),
        ({"KAFKA_SSL_KEYFILE": "pyproject.toml"}, ["KAFKA_SSL_CERTFILE"]),
        (
            {"KAFKA_SSL_CERTFILE": "pyproject.toml", "KAFKA_SSL_KEYFILE": "pyproject.toml"},
            ["KAFKA_SSL_CERTFILE"],
        ),
        ({"KAFKA_SASL_PASWORD": "pass-word"}, ["KAFKA_SASL_PASWORD"]),
        ({"REDIS_SSL_CAFILE": "pyproject.toml"}, ["REDIS_SSL_CAFILE"]),
        ({"REDIS_USERNAME": "views"}, ["REDIS_PASSWORD_FILE"]),
        ({"REDIS": "redis://:pass-word@redis", "REDIS_PASSWORD": "pass-word"}, ["REDIS"]),
        ({"REDIS": "rediss://redis?ssl_cert_reqs=none"}, ["REDIS"]),
        ({"KAFKA": "kafka", "HTTP": "9187", "REDIS": "redis"}, ["KAFKA", "HTTP", "REDIS"]),
    ],
)
def test_what_does_not_fit_together_is_told_all_at_once(changed: dict[str, str], names: list[str]) -> None:
    assert named({**SASL, **{f"BELLWETHER_{name}": value for name, value in changed.items()}}) == names


def test_a_locked_key_needs_its_password_and_never_asks_for_it(pem: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - beside its use

    key = serialization.load_pem_private_key((pem / "key").read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"pass-word")
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (pem / "key").write_bytes(text)
    (tmp_path / "password").write_text("pass-word")
    files = {
        "BELLWETHER_KAFKA_SSL_CERTFILE": str(pem / "certificate"),
        "BELLWETHER_KAFKA_SSL_KEYFILE": str(pem / "key"),
    }
    given = {"BELLWETHER_KAFKA_SECURITY_PROTOCOL": "SSL", **files}
    assert named(given) == ["KAFKA_SSL_CERTFILE"]
    assert load({**given, "BELLWETHER_KAFKA_SSL_KEY_PASSWORD_FILE": str(tmp_path / "password")}).kafka_access.options()


def test_a_service_of_kubernetes_is_not_taken_for_a_slip() -> None:
    load({"BELLWETHER_KAFKA_PORT": "tcp://10.0.0.1:9092", "BELLWETHER_KAFKA_SERVICE_HOST": "10.0.0.1"})


def test_credentials_of_one_can_be_taken_away() -> None:
    environment = {**SASL, "BELLWETHER_KAFKA": "kafka:9092", "BELLWETHER_REDIS_PASSWORD": "pass-word"}
    forget(environment, KAFKA_PREFIX)
    assert environment == {"BELLWETHER_KAFKA": "kafka:9092", "BELLWETHER_REDIS_PASSWORD": "pass-word"}


def test_the_page_has_every_variable_and_no_other() -> None:
    named_there = set(re.findall(r"\bBELLWETHER_(?:KAFKA|REDIS)_[A-Z_]+\b", PAGE.read_text()))
    assert named_there == set(VARIABLES)


def test_a_worker_needs_to_read_the_topics_of_its_own_sources_and_maps() -> None:
    said = {"sources": {"core.cards": {"type": "card_transaction"}}, "maps": {"cards": {"topic": "core.holders"}}}
    read = sources.built(msgspec.convert(said, SourcesDocument), Tables({}, {}), frozenset())
    of_topics = {one.name for one in worker(read) if one.operations == ("READ",) and one.resource == "topic"}
    assert of_topics == {"core.cards", "core.holders"}


def test_the_page_grants_what_the_code_needs() -> None:
    tables = re.findall(r"\| on \| name \| operations \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text())
    for table, rights in zip(tables, (WORKER, OPERATOR), strict=True):
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
        said = {(kind, name, ops) for kind, names, ops in rows for name in re.findall(r"`([^`]+)`", names)}
        assert said == {(one.resource, one.name + "*" * one.is_prefix, ", ".join(one.operations)) for one in rights}
    assert f"~{REDIS_KEYS} {' '.join(REDIS_COMMANDS)}\n" in PAGE.read_text()
