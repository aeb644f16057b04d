"""Kafka with TLS, SCRAM and access control, Redis with TLS and a password: who gets in, who doesn't, and what is said.

The fault matrix' row for passwords, certificates and rights (F-29).
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from agents import stop, verify
from agents.demo.generator import generate
from agents.demo.send import send
from agents.rights import Right
from streams import topics
from tests.integration.kafka_users import DENY, grant
from tests.integration.running import LONG_STEP_MS, end, until, until_ready, views_equal_states
from tests.integration.secured import LACKING, Secured, secured

EVENTS = 15_000
SECONDS_MAX = 30  # to refuse: far below the watchdog's patience, and starting Python counts
PROGRAM = str(Path(sys.executable).with_name("bellwether"))
WORKER = (sys.executable, "-m", "agents.worker")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """With topics and rules, put there by a user who has the rights of an operator and no more."""
    with secured(tmp_path_factory.mktemp("secured")) as running:
        for words in (("topics", "create"), ("topics", "check"), ("config", "apply", "--at-ms", "0")):
            done = command(running, "operator", *words)
            assert done.returncode == 0, done.stderr
        yield running


def command(servers: Secured, user: str, *words: str, **changed: str) -> "subprocess.CompletedProcess[str]":
    """What a shell sees of one of our commands."""
    return ended(servers, (PROGRAM, *words), user, **changed)


def ended(servers: Secured, words: tuple[str, ...], user: str, **changed: str) -> "subprocess.CompletedProcess[str]":
    """A process that must end of itself; it prints no secret."""
    environment = {**os.environ, **servers.environment(user, **changed)}
    done = subprocess.run(  # noqa: S603 - our own
        words, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
    )
    assert shown(servers, done.stdout + done.stderr) == []
    return done


def shown(servers: Secured, text: str) -> list[str]:
    """The secrets that a text shows."""
    return [secret for secret in (*servers.secrets(), wrong_password(servers)) if secret in text]


def wrong_password(servers: Secured) -> str:
    return (servers.folder / "wrong.password").read_text().strip()


@contextmanager
def workers(servers: Secured, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A supervisor with its worker; afterwards it is told to stop and must do so cleanly."""
    environment = {**os.environ, **servers.environment("worker")}
    with log.open("wb") as output:
        process = subprocess.Popen((PROGRAM, "worker"), env=environment, stdout=output, stderr=output)  # noqa: S603 - our own
    try:
        asyncio.run(until_ready(log))
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0, log.read_text()
    finally:
        end(process)


def test_with_least_rights_a_worker_decides_exactly_once_though_killed_and_shows_no_secret(
    servers: Secured, tmp_path: Path
) -> None:
    log, kafka = tmp_path / "log", servers.cluster.kafka
    with workers(servers, log) as supervisor:
        family = [psutil.Process(supervisor.pid), *psutil.Process(supervisor.pid).children()]
        seen = [text for one in family for text in (*one.cmdline(), *one.environ().values())]
        assert shown(servers, "\n".join(seen)) == []
        asyncio.run(send(kafka, generate(EVENTS, seed=11).records, lambda _: None, LONG_STEP_MS))
        family[1].kill()
        asyncio.run(until_ready(log, workers=2))
        asyncio.run(until(lambda: verify.settled(kafka)))
        address = servers.cluster.redis.replace("//", f"//:{servers.redis_password}@")
        asyncio.run(until(lambda: views_equal_states(kafka, address)))
    assert shown(servers, log.read_text()) == []
    done = command(servers, "operator", "verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def cases(servers: Secured) -> dict[str, tuple[str, dict[str, str], list[str]]]:
    """Per case: the user, what is otherwise in the environment, and what the one line must say."""
    wrong, stranger = (str(servers.folder / name) for name in ("wrong.password", "stranger.pem"))
    rights = [f"{one.operations[0]} on {one.resource} {one.name}" for one in LACKING]
    return {
        "wrong password": (
            "worker",
            {"KAFKA_SASL_PASSWORD_FILE": wrong},
            ["doesn't know user 'worker'", "BELLWETHER_KAFKA_SASL_USERNAME"],
        ),
        "no such mechanism": (
            "worker",
            {"KAFKA_SASL_MECHANISM": "PLAIN"},
            ["takes no PLAIN", "BELLWETHER_KAFKA_SASL_MECHANISM"],
        ),
        "unknown authority": (
            "worker",
            {"KAFKA_SSL_CAFILE": stranger},
            ["certificate isn't trusted", "BELLWETHER_KAFKA_SSL_CAFILE"],
        ),
        "expired certificate": ("worker", {"KAFKA": servers.expired}, ["certificate has expired"]),
        "rights missing": ("limited", {}, [*rights, "docs/deployment.md"]),
        "wrong password of Redis": (
            "worker",
            {"REDIS_PASSWORD_FILE": wrong},
            ["Redis refuses us", "BELLWETHER_REDIS_PASSWORD_FILE"],
        ),
        "unknown authority of Redis": (
            "worker",
            {"REDIS_SSL_CAFILE": stranger},
            ["Redis: its certificate isn't trusted", "BELLWETHER_REDIS_SSL_CAFILE"],
        ),
        "expired certificate of Redis": ("worker", {"REDIS": servers.expired_redis}, ["certificate has expired"]),
    }


NAMES = (
    "wrong password",
    "no such mechanism",
    "unknown authority",
    "expired certificate",
    "rights missing",
    "wrong password of Redis",
    "unknown authority of Redis",
    "expired certificate of Redis",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_that_is_not_let_in_ends_at_once_and_says_why(servers: Secured, name: str) -> None:
    user, changed, words = cases(servers)[name]
    done = ended(servers, WORKER, user, **changed)
    assert done.returncode == stop.Code.ACCESS_REFUSED, done.stdout + done.stderr
    [line] = [one for one in done.stdout.splitlines() if '"level": "critical"' in one]
    assert [word for word in words if word not in line] == []


def test_the_supervisor_does_not_try_again_and_again(servers: Secured) -> None:
    done = command(servers, "worker", "worker", KAFKA_SASL_PASSWORD_FILE=str(servers.folder / "wrong.password"))
    assert done.returncode == stop.Code.ACCESS_REFUSED
    assert done.stdout.count('"event": "access_refused"') == 1
    assert "workers_given_up" in done.stdout


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_command_that_is_not_let_in_says_why(servers: Secured, name: str) -> None:
    user, changed, words = cases(servers)[name]
    done = command(servers, user, "topics", "check", **changed)
    assert done.returncode == stop.Code.ACCESS_REFUSED, done.stdout + done.stderr
    assert [word for word in words if word not in done.stderr] == []


def test_a_command_without_the_right_says_so(servers: Secured) -> None:
    done = command(servers, "worker", "topics", "check")  # a worker needn't see topics' settings
    assert done.returncode == stop.Code.ACCESS_REFUSED, done.stdout + done.stderr
    assert "docs/deployment.md" in done.stderr


def test_a_worker_whose_right_is_taken_away_at_work_ends_with_the_same_code(servers: Secured, tmp_path: Path) -> None:
    log, forbidden = tmp_path / "log", Right("topic", topics.DECISIONS.name, ("WRITE",))
    environment = {**os.environ, **servers.environment("worker")}
    with log.open("wb") as output:
        process = subprocess.Popen(WORKER, env=environment, stdout=output)  # noqa: S603 - our own
    try:
        asyncio.run(until_ready(log))
        asyncio.run(grant(servers.cluster.kafka, "worker", [forbidden], DENY))
        asyncio.run(fed_until_it_ends(servers, process))
        assert process.wait() == stop.Code.ACCESS_REFUSED, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert '"error": "TopicAuthorizationFailedError"' in log.read_text()
    assert shown(servers, log.read_text()) == []


async def fed_until_it_ends(servers: Secured, process: "subprocess.Popen[bytes]") -> None:
    """Events come in; whoever sends them waits in vain for a worker that has ended."""

    async def has_ended() -> bool:
        return process.poll() is not None

    sending = asyncio.create_task(send(servers.cluster.kafka, generate(EVENTS, seed=12).records, lambda _: None))
    await until(has_ended)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
