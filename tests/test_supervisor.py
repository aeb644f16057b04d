"""The supervisor's pauses, and what the watchdog takes for stuck."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents import stop
from agents.accounting import Instruments
from agents.assignment import Assignment
from agents.health import Health
from agents.metrics import Metrics
from agents.pipeline import Pipeline
from agents.supervisor import MEMORY, pause_seconds, worker_environment
from agents.unit_of_work import Place
from agents.views import Views
from agents.watchdog import STUCK_SECONDS, Watchdog
from streams.view import describe
from tests.integration.running import end

PLACE = Place("card-transactions", 0)
NOWHERE = "127.0.0.1:9"  # the discard port: nothing listens


def test_pauses_double_from_half_a_second_to_ten() -> None:
    assert [pause_seconds(failures) for failures in (1, 2, 3, 5, 6, 100)] == [0.5, 1, 2, 8, 10, 10]


def test_a_worker_keeps_its_memory_unless_the_operator_says_otherwise() -> None:
    assert worker_environment({"A": "1"}, {"A": "2"}) == {**MEMORY, "A": "2"}
    (name, *_) = MEMORY
    assert worker_environment({name: "1"}, {})[name] == "1"


class Time:
    """Seconds, moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def assignment() -> Assignment:
    metrics = Metrics()
    views = Views("redis://127.0.0.1:9/0", describe, metrics)
    instruments = Instruments(metrics, Health())
    return Assignment(NOWHERE, Pipeline(views, instruments), instruments)


def test_lag_without_progress_is_stuck_and_only_that(assignment: Assignment, time: Time) -> None:
    assignment.recovered.set()
    watchdog = Watchdog(assignment, time)
    assert watchdog.stuck({PLACE: (5, 9)}) == []
    time.seconds += STUCK_SECONDS
    assert watchdog.stuck({PLACE: (6, 9)}) == [], "it moved"
    time.seconds += STUCK_SECONDS + 1
    assert watchdog.stuck({PLACE: (9, 9)}) == [], "nothing is left to read"
    time.seconds += STUCK_SECONDS + 1
    assert watchdog.stuck({PLACE: (9, 10)}) == ["card-transactions/0"]


def test_a_worker_that_never_becomes_ready_is_stuck(assignment: Assignment, time: Time) -> None:
    watchdog = Watchdog(assignment, time)
    assert watchdog.stuck({}) == []
    time.seconds += STUCK_SECONDS + 1
    assert watchdog.stuck({}) == ["not ready"]
    assignment.recovered.set()
    assert watchdog.stuck({}) == []


def test_without_a_broker_workers_come_back_with_growing_pauses_and_the_supervisor_stops_cleanly(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    environment = {"BELLWETHER_KAFKA": NOWHERE, "BELLWETHER_HTTP": "127.0.0.1:0", "PATH": ""}
    command = (str(Path(sys.executable).with_name("bellwether")), "worker")
    with log.open("wb") as output:
        supervisor = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603 - our own
    try:
        asyncio.run(_until(log, "restart_in_seconds=1.0"))
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(15) == 0
    finally:
        end(supervisor)
    assert "restart_in_seconds=0.5" in log.read_text()


def test_what_a_restart_does_not_mend_ends_the_supervisor_with_the_workers_own_code() -> None:
    environment = {"BELLWETHER_DEADLETTERS": "nonsense", "BELLWETHER_HTTP": "127.0.0.1:0", "PATH": ""}
    command = (str(Path(sys.executable).with_name("bellwether")), "worker", "--processes", "2")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own
    assert ended.returncode == stop.Code.MISCONFIGURED
    assert "workers_given_up" in ended.stdout
    assert "restart_in_seconds" not in ended.stdout


async def _until(log: Path, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in log.read_text():  # noqa: ASYNC110, ASYNC240 - another process's file
            await asyncio.sleep(0.1)
