"""The health check of Kafka in docker-compose.yml says healthy if, and only if, a broker answers."""

import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
import yaml

from agents.stack import process

ROOT = Path(__file__).parents[1]
ASKED = struct.pack(">ihhih", 10, 18, 0, 7, -1)  # length, ApiVersions, version 0, correlation id, no client id
API_KEYS = struct.pack(">ihhh", 1, 18, 0, 4)


def is_healthy(port: int, seconds_max: str = "5") -> bool:
    """What the check says of a broker on this port of this machine."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    [kind, *words, program] = compose["services"]["kafka"]["healthcheck"]["test"]
    assert (kind, words) == ("CMD", ["bash", "-c"])
    for here, there in (("localhost/9092", f"127.0.0.1/{port}"), ("timeout 5", f"timeout {seconds_max}"), ("$$", "$")):
        assert here in program
        program = program.replace(here, there)
    return subprocess.run([*words, program], check=False, capture_output=True).returncode == 0  # noqa: S603 - our file's


def of_a_server(answer: Callable[[socket.socket], None], seconds_max: str = "5") -> bool:
    """What the check says of a server that does this with a connection, once it was asked what a broker understands."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(len(ASKED), socket.MSG_WAITALL))
                answer(connection)

        thread = Thread(target=serve)
        thread.start()
        healthy = is_healthy(server.getsockname()[1], seconds_max)
        thread.join()
    assert asked == [ASKED]
    return healthy


def said(correlation_id: int, error: int) -> Callable[[socket.socket], None]:
    body = struct.pack(">ih", correlation_id, error) + API_KEYS
    return lambda connection: connection.sendall(struct.pack(">i", len(body)) + body)


def wait_for_the_end(connection: socket.socket) -> None:
    connection.recv(1)


def test_a_broker_that_answers_is_healthy() -> None:
    assert of_a_server(said(7, 0))


@pytest.mark.parametrize("answer", [said(7, 35), said(8, 0), lambda _: None], ids=["error", "other id", "no answer"])
def test_another_answer_is_not_healthy(answer: Callable[[socket.socket], None]) -> None:
    assert not of_a_server(answer)


def test_an_open_port_is_not_healthy() -> None:
    assert not of_a_server(wait_for_the_end, seconds_max="0.2")


def test_a_closed_port_is_not_healthy() -> None:
    assert not is_healthy(process.free_port())
