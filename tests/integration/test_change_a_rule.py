"""A rule is changed on two live workers under load: refused, in shadow, live, and taken back; the replay agrees."""

import asyncio
import json
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from agents import stack as local_stack
from agents import verify
from agents.demo.generator import SourceRecord, generate
from agents.demo.send import send
from agents.kafka_reader import committed_records
from agents.stack import Stack
from agents.unit_of_work import Place
from streams import topics
from streams.actions import Decision, decode_decision
from tests.integration.running import running, until, until_ready

EVENTS = 20_000
PARTS = 4_000  # records for each change: half of them meanwhile, half after it
SUPERVISOR = (str(Path(sys.executable).with_name("bellwether")), "worker", "--processes", "2")
EVENT_TIME = ("--ticks", "event-time", "--allowance", "P10D")
NO_TICKS = ("--ticks", "none")
HOUR_MS = 480_000 * 3_600_000  # some hour, counted from the epoch
OTHERS = "  win_back: {mode: live}\n  lapsed: {mode: live}\n"
WRONG = f"triggers:\n  card_testing: {{mode: lve}}\n{OTHERS}"
EAGER = "usual_times_min: 1, large_minor_min: 3000, large_unknown_minor_min: 3000, small_minor_max: 2000"
OFF = f"triggers:\n  card_testing: {{mode: off}}\n{OTHERS}"
BESIDE = "  win_back: {mode: live, shadow: {wait: P2D}}\n  lapsed: {mode: live}\n"
SHADOW = f"triggers:\n  card_testing: {{mode: shadow, {EAGER}}}\n{BESIDE}"
LIVE = f"triggers:\n  card_testing: {{mode: live, {EAGER}}}\n{OTHERS}"
Command = Callable[..., Any]


class Bank:
    """A cluster with two workers, records to send to it, and the command line."""

    def __init__(self, cluster: Stack, folder: Path, log: Path, bellwether: Command) -> None:
        self.cluster = cluster
        self._folder = folder
        self._log = log
        self._bellwether = bellwether
        self._records: Iterator[SourceRecord] = iter(generate(EVENTS, seed=3).records)

    def config(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and JSON of `bellwether config`."""
        return self.command("config", *arguments)

    def command(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and JSON of a command."""
        ended = self._bellwether(*arguments, "--json")
        return ended.code, json.loads(ended.out) if ended.out else None

    def write(self, rules: str, policy: str = "policy: {time_zone: UTC}\n") -> tuple[str, str]:
        """Put these rules into the folder; the option that names it."""
        (self._folder / "triggers.yaml").write_text(rules)
        (self._folder / "policy.yaml").write_text(policy)
        return ("--config", str(self._folder))

    @contextmanager
    def load(self) -> Iterator[None]:
        """Records are sent meanwhile, and some afterwards; then all are decided."""
        changed = Event()

        def work() -> None:
            for wait in (lambda: True, changed.wait):
                wait()
                asyncio.run(send(self.cluster.kafka, list(islice(self._records, PARTS // 2)), lambda _: None))

        thread = Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            changed.set()
            thread.join()
        self.settle()

    def take_in(self, records: list[SourceRecord]) -> None:
        """Send these, and wait until all are decided."""
        asyncio.run(send(self.cluster.kafka, records, lambda _: None))
        self.settle()

    def settle(self) -> None:
        """Until the workers have read and decided everything."""
        asyncio.run(until(lambda: verify.settled(self.cluster.kafka), 240))

    def metric(self, sample: str) -> float:
        """The sum over both workers of a sample with its labels."""
        urls = set(re.findall(r'"url": "([^"]+)"', self._log.read_text()))
        assert len(urls) == 2
        lines = [line for url in urls for line in asked(url).splitlines()]
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == f"bellwether_{sample}"
        )

    def version_shown(self, version: str) -> float:
        return self.metric(f'config_info{{version="{version}"}}')

    def decisions(self, topic: topics.Topic = topics.DECISIONS) -> list[Decision]:
        """What was published to a topic, partition by partition."""
        return asyncio.run(published(self.cluster.kafka, topic))


def asked(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310 - its own address
        return str(answer.read().decode())


async def published(kafka: str, topic: topics.Topic) -> list[Decision]:
    places = [Place(topic.name, number) for number in range(topics.PARTITIONS)]
    return [
        decode_decision(one.value or b"") async for _, records in committed_records(kafka, places) for one in records
    ]


@pytest.fixture
def bank(
    request: pytest.FixtureRequest, tmp_path: Path, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bank]:
    """With ticks as the test asks for, else of event time."""
    folder, log = tmp_path / "config", tmp_path / "log"
    folder.mkdir()
    with local_stack.running() as cluster:
        monkeypatch.setenv("BELLWETHER_KAFKA", cluster.kafka)
        assert bellwether("topics", "create").code == 0
        own = Bank(cluster, folder, log, bellwether)
        assert own.config("apply", *own.write(OFF), "--at-ms", "0", "--note", "the first")[0] == 0
        with running((*SUPERVISOR, *getattr(request, "param", EVENT_TIME)), cluster, log):
            asyncio.run(until_ready(log, 2))
            yield own


def test_a_rule_is_changed_under_load(bank: Bank) -> None:
    first = bank.config("history")[1]["live"]
    with bank.load():
        refused = bank.config("apply", *bank.write(WRONG))
    assert refused == (1, None)
    assert bank.config("history")[1]["live"] == first
    assert bank.version_shown(first) == 2, "a refused config changes nothing"

    with bank.load():
        _, told = bank.config("apply", *bank.write(SHADOW), "--note", "a look")
    shadow = told["version"]
    assert bank.version_shown(shadow) == 2
    tried = [one for one in bank.decisions() if one.trigger == "card_testing"]
    assert tried
    assert {(one.outcome, one.config_version) for one in tried} == {("shadow", shadow)}
    assert bank.decisions(topics.FRAUD_CHECK_ACTIONS) == [], "nothing in shadow is acted on"
    assert bank.metric('decisions_total{outcome="shadow",trigger="card_testing"}') == len(tried)
    beside = [one for one in bank.decisions() if one.parameter_set == "shadow"]
    assert {(one.trigger, one.outcome) for one in beside} <= {("win_back", "shadow")}

    with bank.load():
        _, told = bank.config("apply", *bank.write(LIVE), "--note", "it was right")
    live = told["version"]
    actions = bank.decisions(topics.FRAUD_CHECK_ACTIONS)
    assert {one.config_version for one in actions} == {live}
    with bank.load():
        assert bank.config("rollback")[1]["version"] == shadow
    assert bank.version_shown(shadow) == 2
    history = bank.config("history")[1]["applied"]
    assert [one["version"] for one in history] == [first, shadow, live, shadow]
    assert [len(one["positions"]) for one in history] == [topics.PARTITIONS] * 4, "each partition at one position"
    _, problems = asyncio.run(verify.verify(bank.cluster.kafka))
    assert problems == [], "the replay gives the same decisions and states"


def tested_cards(customers: range) -> list[SourceRecord]:
    """Of each of these customers a small purchase, and a large one minutes later: all in one hour."""
    return [
        SourceRecord("card-transactions", f"card-{number}", Raw(msgspec.json.encode(bought)), bought["at_ms"])
        for number in customers
        for name, minutes, amount_minor in (("small", 0, 199), ("large", 5, 90_000))
        for bought in [
            {
                "id": f"{name}-{number}",
                "customer": f"customer-{number}",
                "card": f"card-{number}",
                "at_ms": HOUR_MS + minutes * 60_000,
                "amount_minor": amount_minor,
                "currency": "EUR",
                "merchant": f"merchant-{name}",
            }
        ]
    ]


@pytest.mark.parametrize("bank", [NO_TICKS], indirect=True)
def test_a_trigger_that_runs_away_is_held_on_live_workers_until_it_is_released(bank: Bank) -> None:
    limited = "policy: {runaway: {fraud: {floor: 2, factor: 1}}}\n"
    assert bank.config("apply", *bank.write(LIVE, limited))[0] == 0
    bank.take_in(tested_cards(range(40)))
    outcomes = [(one.outcome, one.reason) for one in bank.decisions() if one.trigger == "card_testing"]
    assert sorted(set(outcomes)) == [("sent", None), ("suppressed", "runaway")]
    assert outcomes.count(("sent", None)) == len(bank.decisions(topics.FRAUD_CHECK_ACTIONS)) == 3 * topics.PARTITIONS
    assert bank.metric('runaway_partitions{trigger="card_testing"}') == topics.PARTITIONS
    code, rows = bank.command("guard", "show")
    assert code == 1
    assert [row["held_since_ms"] is not None for row in rows] == [True] * topics.PARTITIONS
    assert bank.command("guard", "release", "card_testing", "--note", "a test")[1]["partitions"] == topics.PARTITIONS
    bank.take_in(tested_cards(range(40, 80)))
    assert bank.metric('runaway_partitions{trigger="card_testing"}') == 0
    assert bank.command("guard", "show")[0] == 0
    assert len(bank.decisions(topics.FRAUD_CHECK_ACTIONS)) == 3 * topics.PARTITIONS + 40
    assert asyncio.run(verify.verify(bank.cluster.kafka))[1] == []
