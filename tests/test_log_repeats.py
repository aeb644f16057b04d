"""What a library says again and again is written once in a while, and no line is held back without being counted."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from agents import logs
from agents.log_repeats import QUIET_SECONDS, SparingHandler

NOISE = "Unable connect to node with id %s: %s"


class Service:
    """Logging as a worker sets it up, under a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._stream = io.StringIO()
        self._read = 0
        logs.set_up(self._stream, seconds=lambda: self.now)

    def noise(self, times: int, template: str = NOISE) -> None:
        for node in range(times):
            logging.getLogger("aiokafka").error(template, node, "refused")

    def written(self) -> list[dict[str, Any]]:
        """The lines since this was asked last."""
        lines = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        self._read, start = len(lines), self._read
        return lines[start:]


@pytest.fixture
def service() -> Iterator[Service]:
    """Standard logging is global: as it was, afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Service()
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def told(lines: list[dict[str, Any]]) -> list[tuple[str, object]]:
    return [(line["event"], line.get("repeated")) for line in lines]


def test_noise_is_written_once_in_a_while_with_how_much_was_held_back(service: Service) -> None:
    service.noise(300)
    assert told(service.written()) == [("Unable connect to node with id 0: refused", None)]
    service.now = QUIET_SECONDS
    service.noise(300)
    assert told(service.written()) == [("Unable connect to node with id 0: refused", 299)]


def test_what_was_held_back_is_told_though_the_noise_stopped(service: Service) -> None:
    service.noise(300)
    service.now = QUIET_SECONDS - 1
    log = structlog.get_logger("agents")
    log.info("assigned")
    service.now = QUIET_SECONDS
    log.info("recovered")
    log.info("serving")
    first, *others = service.written()
    assert first["event"] == "Unable connect to node with id 0: refused"
    assert told(others) == [("assigned", None), ("lines_held_back", 299), ("recovered", None), ("serving", None)]
    held_back = others[1]
    assert (held_back["library"], held_back["template"], held_back["level"]) == ("aiokafka", NOISE, "error")


def test_a_critical_line_comes_after_all_that_was_held_back(service: Service) -> None:
    service.noise(3)
    structlog.get_logger("agents.stop").critical("fenced")
    assert told(service.written())[1:] == [("lines_held_back", 2), ("fenced", None)]


def test_what_was_held_back_is_told_when_the_process_ends() -> None:
    told_at_the_end = """
import logging
from agents import logs
logs.set_up()
for _ in range(3):
    logging.getLogger("aiokafka").error("away")
"""
    words = (sys.executable, "-c", told_at_the_end)
    done = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
    assert told([json.loads(line) for line in done.stdout.splitlines()]) == [("away", None), ("lines_held_back", 2)]


def test_other_lines_of_a_library_are_not_held_back(service: Service) -> None:
    service.noise(2)
    service.noise(1, "Heartbeat to node %s failed: %s")
    logging.getLogger("aiokafka").warning(NOISE, 0, "refused")
    logging.getLogger("faust").error(NOISE, 0, "refused")
    assert [line["repeated"] for line in service.written() if "repeated" in line] == []
    service.noise(1)
    service.now = QUIET_SECONDS
    service.noise(1)
    assert told(service.written()) == [("Unable connect to node with id 0: refused", 2)]


def test_our_own_lines_are_never_held_back() -> None:
    stream = io.StringIO()
    handler = SparingHandler(stream, seconds=lambda: 0.0)
    for _ in range(3):
        handler.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": {"event": "views_refused"}}))
    assert stream.getvalue().count("views_refused") == 3


def test_every_line_is_written_or_counted(service: Service) -> None:
    """Noise of three kinds that comes and goes, at many moments."""
    sent = 0
    for moment in range(200):
        service.now = moment * 1.7
        kind = moment % 7
        times = moment % 5 + 1
        if kind < 3:
            service.noise(times, f"kind {kind} of %s: %s")
            sent += times
        elif kind == 3:
            structlog.get_logger("agents").info("ours")
    structlog.get_logger("agents").critical("the end")
    lines = [line for line in service.written() if line["event"] not in {"ours", "the end"}]
    plain = sum(line["event"] != "lines_held_back" for line in lines)
    assert plain + sum(line.get("repeated", 0) for line in lines) == sent
    assert plain < sent / 2
