"""The demo from outside, as a person runs it: what it says, what it leaves behind, and that it can say no."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from aiokafka import TopicPartition

from agents import stack as local_stack
from agents import topic_admin, verify
from agents.demo import report
from agents.demo.evidence import Evidence
from agents.demo.truth import Case, Truth
from streams import topics
from streams.actions import Decision, encode_decision, headers
from streams.trigger import load

SECONDS_MAX = 240.0
BELLWETHER = (sys.executable, "-c", "from agents.cli import main; main()")


class Demo:
    """`bellwether demo` in a temporary folder of its own, without addresses from the environment."""

    def __init__(self, folder: Path, **addresses: str) -> None:
        self.folder = folder
        named = {name: value for name, value in os.environ.items() if not name.startswith("BELLWETHER_")}
        self._environment = {**named, "TMPDIR": str(folder), "PYTHONPATH": ":".join(sys.path), **addresses}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        line = [*BELLWETHER, "demo", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=self._environment)  # noqa: S603 - our own

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=SECONDS_MAX)
        return process.returncode, out, err

    def left(self) -> list[psutil.Process]:
        """Processes that the demo started and that still run."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("TMPDIR") == str(self.folder)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Whatever a failed test leaves running is ended."""
    one = Demo(tmp_path)
    yield one
    for process in one.left():
        process.kill()


def test_everything_planted_is_found_once_and_a_replay_says_the_same(demo: Demo) -> None:
    code, out, err = demo.run("--events", "20000", "--seed", "3", "--json")
    result = json.loads(out)
    assert (code, result["problems"]) == (0, []), err
    totals = {row["trigger"]: (row["planted"], row["found"]) for row in result["scores"] if row["action"] == "all"}
    assert set(totals) == set(load())
    assert all(planted == found for planted, found in totals.values())
    assert result["dead_letters"] == result["dead_letters_expected"]
    assert len(result["dead_letters"]) == 8
    letters = sum(result["dead_letters"].values())
    assert result["entries"]["event"] == result["events"] - letters
    assert result["entries"]["config"] == topics.PARTITIONS
    assert result["repeated_events"] > 0
    assert (result["repeated_ids"], result["is_replay_equal"], result["is_state_equal"]) == ([], True, True)
    assert result["published"] == sum(row["count"] for row in result["decisions"])
    titles = ["A fraud check", "An offer that was sent", "One that waited for the morning", "One that was not sent"]
    assert [one["title"] for one in result["examples"]] == titles
    sent, waited, not_sent = (one["decision"] for one in result["examples"][1:])
    assert (sent["outcome"], waited["outcome"], not_sent["outcome"]) == ("sent", "sent", "suppressed")
    assert {one["reason"] for one in result["examples"][2]["before"]} >= {"quiet_hours"}
    assert all(one["decision"]["because"] and one["decision"]["causes"] for one in result["examples"])
    assert (list(demo.folder.iterdir()), demo.left()) == ([], [])


def test_kept_it_runs_on_until_it_is_stopped(demo: Demo) -> None:
    _, out, err = demo.run("--events", "2000", "--keep", "--json")
    assert "It runs on." in err, err
    (folder,) = demo.folder.iterdir()
    assert f"bellwether demo stop --folder {folder}" in err
    for url in json.loads(out)["metrics"]:
        with urlopen(url) as answer:  # noqa: S310 - loopback
            assert b"bellwether_journal_entries_total" in answer.read()
    code, _, _ = demo.run("stop", "--folder", str(folder))
    assert (code, list(demo.folder.iterdir()), demo.left()) == (0, [], [])
    assert demo.run("stop", "--folder", str(folder))[0] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(demo: Demo, number: signal.Signals) -> None:
    with demo.start("--events", "1000000") as process:
        deadline = time.monotonic() + SECONDS_MAX
        while not any("agents.worker" in one.cmdline() for one in demo.left()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(number)
        _, err = process.communicate(timeout=SECONDS_MAX)
    assert (process.returncode, list(demo.folder.iterdir()), demo.left()) == (130, [], [])
    assert "Traceback" not in err


async def test_a_kafka_in_use_gets_no_made_up_customers(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("BELLWETHER_KAFKA", raising=False)
        environment.delenv("BELLWETHER_REDIS", raising=False)
        with local_stack.running(tmp_path / "theirs") as theirs:
            await topic_admin.create(theirs.kafka)
            line = [*BELLWETHER, "config", "apply"]
            applied = {**os.environ, "BELLWETHER_KAFKA": theirs.kafka, "PYTHONPATH": ":".join(sys.path)}
            subprocess.run(line, check=True, capture_output=True, env=applied)  # noqa: ASYNC221, S603 - our own
            code, out, err = Demo(tmp_path, BELLWETHER_KAFKA=theirs.kafka).run("--events", "1000")
    assert (code, out) == (2, "")
    assert "has a journal with entries" in err


def _decision(identifier: str) -> Decision:
    return Decision(
        id=identifier,
        candidate=identifier,
        trigger="balance_drop",
        family="retention",
        action="loan_offer",
        customer="c1",
        outcome="sent",
        config_version="v1",
        event_at_ms=1000,
        decided_at_ms=2000,
    )


def _evidence(live: list[str], replayed: list[str]) -> Evidence:
    """A run that published these decisions, and its replay."""
    place = TopicPartition(topics.DECISIONS.name, 0)
    made = {
        one: verify.Published(b"c1", encode_decision(_decision(one)), tuple(headers(_decision(one)))) for one in "ab"
    }
    case = Case(
        trigger="balance_drop",
        action="loan_offer",
        customer="c1",
        kind="plant",
        at_ms=1000,
        events=("e1",),
        note="to_checking",
    )
    return Evidence(
        sent=10,
        seconds=1.0,
        truth=Truth(seed=1, customers=1, cases=(case,)),
        unreadable=Counter(),
        live={place: [made[one] for one in live]},
        tables={},
        exit_code=0,
        restarts=0,
        replayed=verify.Replayed(published={place: [made[one] for one in replayed]}),
    )


def test_a_good_run_has_no_problems() -> None:
    assert report.report(_evidence(["a"], ["a"]), []).problems == []


def test_each_fault_is_told() -> None:
    told = report.report(_evidence(["a", "a"], ["a", "b"]), []).problems
    assert told == [
        "published more than once (1): a in decisions",
        "the live run and its replay differ (1): decisions, partition 0, record 1: live a, replay b",
    ]
    assert report.report(_evidence([], []), []).problems == [
        "planted, but not found (1): balance_drop loan_offer for c1 (to_checking)"
    ]
    bad = _evidence(["a"], ["a"])
    bad.unreadable["not_json"], bad.exit_code, bad.tables = 1, 71, {0: {b"c1": b"blob"}}
    bad.replayed.undecided = 2
    assert report.report(bad, []).problems == [
        "dead letters: expected {'not_json': 1}, found {}",
        "the workers ended with exit code 71",
        "the state of the live run and of its replay differ (1 records)",
        "never decided (2 journal entries)",
    ]


def test_a_missing_publication_is_a_difference() -> None:
    assert list(verify.differences(_evidence([], ["a"]))) == [
        "decisions, partition 0, record 0: live nothing, replay a"
    ]
