"""A real Prometheus scrapes two real workers: every rule and every panel runs on what they show, and alerts fire."""

import asyncio
import json
import random
import re
import socket
import sys
import time
from collections.abc import Iterator
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

import msgspec
import psutil
import pytest
import yaml
from msgspec.structs import replace

from agents import config_apply, config_files, settings, stack, topic_admin
from agents.demo.generator import SourceRecord, generate
from agents.demo.poison import Poisoned
from agents.demo.send import send
from agents.kafka_reader import committed_records
from agents.stack.process import free_port
from agents.unit_of_work import Place
from agents.verify import settled
from streams import config, topics
from streams.journal import ConfigVersion
from streams.policy import Limit
from tests.integration.running import LONG_STEP_MS, running, until, until_ready
from tests.observability import prometheus
from tests.observability.files import ALERTS, BY_ALERT, PROMETHEUS, queries

EVENTS = 6_000
CUSTOMERS = 40
WORKERS = 2
TRIGGER = "card_testing"
SEEN_SECONDS = 15  # from what goes wrong to the alert; scraped and evaluated each second here
# What a healthy system doesn't show within its first minutes; and lag, which is kafka-exporter's.
WITHOUT_DATA = re.compile(r"kafka_consumergroup_lag_sum|offset 1h|bellwether_runaway_partitions\) > 0$")


class Watched(NamedTuple):
    """Workers under the eye of a Prometheus. `letters`: the dead letters that were sent for."""

    cluster: stack.Stack
    url: str
    supervisor: int
    letters: int

    def ask(self, path: str, **parameters: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}") as answer:  # noqa: S310 - our own
            document = json.load(answer)
        assert document["status"] == "success"
        return document["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series that an expression has now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]]

    def value(self, expression: str) -> float | None:
        found = self.query(expression)
        return found[0][1] if found else None

    def alerts(self) -> dict[str, set[str]]:
        """The states of each alert that isn't inactive."""
        found: dict[str, set[str]] = {}
        for one in self.ask("alerts")["alerts"]:
            found.setdefault(one["labels"]["alertname"], set()).add(one["state"])
        return found

    async def has_scraped_dead_letters(self) -> bool:
        """Of all workers."""
        return self.value("count(sum by (instance) (bellwether_dead_letters_total) > 0)") == WORKERS

    def wait_for(self, alert: str, state: str) -> None:
        async def seen() -> bool:
            return state in self.alerts().get(alert, set())

        asyncio.run(until(seen, SEEN_SECONDS))


def two_free_ports() -> int:
    """The first of two in a row, below those that the system gives to whoever connects: a restart needs them again."""
    while True:
        first = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as one, socket.socket() as other:
            if one.connect_ex(("127.0.0.1", first)) and other.connect_ex(("127.0.0.1", first + 1)):
                return first


def purchases(name: str, customers: int) -> list[SourceRecord]:
    """Just now, each of these customers tested a card and then bought dearly elsewhere."""
    now_ms = time.time_ns() // 1_000_000
    return [
        SourceRecord("card-transactions", f"card-{name}-{number}", msgspec.Raw(msgspec.json.encode(bought)), now_ms)
        for number in range(customers)
        for merchant, amount_minor in (("kiosk", 199), ("jeweller", 90_000))
        for bought in [
            {
                "id": f"{name}-{merchant}-{number}",
                "customer": f"customer-{name}-{number}",
                "card": f"card-{name}-{number}",
                "at_ms": now_ms + amount_minor - 90_000,
                "amount_minor": amount_minor,
                "currency": "EUR",
                "merchant": merchant,
            }
        ]
    ]


def decided(kafka: str, records: Any) -> None:
    asyncio.run(send(kafka, records, lambda _: None, LONG_STEP_MS))
    asyncio.run(until(lambda: settled(kafka)))


def scrape_config(folder: Path, port: int) -> Path:
    """Our own, made for this machine: where the workers are, and each second, so that nobody waits."""
    made = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    made["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    jobs = {job["job_name"]: job for job in made["scrape_configs"]}
    assert jobs["bellwether"].pop("dns_sd_configs")
    jobs["bellwether"]["static_configs"] = [{"targets": [f"127.0.0.1:{port + number}" for number in range(WORKERS)]}]
    jobs["kafka-exporter"]["static_configs"] = [{"targets": [f"127.0.0.1:{free_port()}"]}]
    (folder / ALERTS.name).write_text(ALERTS.read_text().replace("interval: 1m", "interval: 1s"))
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(made))
    return file


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    tools, folder, port = prometheus.binaries(), tmp_path_factory.mktemp("watched"), two_free_ports()
    worker = (str(Path(sys.executable).with_name("bellwether")), "worker", "--processes", str(WORKERS))
    command = ("env", f"{settings.HTTP}=127.0.0.1:{port}", *worker)
    with stack.running() as cluster:
        asyncio.run(topic_admin.create(cluster.kafka))
        asyncio.run(config_apply.append(cluster.kafka, config_files.load(settings.PACKAGED_CONFIG), 0))
        with running(command, cluster, folder / "log") as supervisor:
            asyncio.run(until_ready(folder / "log", WORKERS))
            with prometheus.running(tools, scrape_config(folder, port), folder) as url:
                records = Poisoned(generate(EVENTS, seed=5).records, EVENTS)
                watched, coming = Watched(cluster, url, supervisor.pid, 0), iter(records)
                decided(cluster.kafka, islice(coming, EVENTS // 2))
                asyncio.run(until(watched.has_scraped_dead_letters))  # an increase is what grows between scrapes
                decided(cluster.kafka, coming)
                decided(cluster.kafka, purchases("first", CUSTOMERS))
                yield watched._replace(letters=records.reasons.total())


async def count(kafka: str, topic: str) -> int:
    places = [Place(topic, number) for number in range(topics.PARTITIONS)]
    return sum([len(records) async for _, records in committed_records(kafka, places)])


def test_prometheus_has_what_is_on_the_log(watched: Watched) -> None:
    async def scraped() -> bool:
        kafka = watched.cluster.kafka
        sent = await count(kafka, "fraud-check-actions") + await count(kafka, "retention-actions")
        assert sent >= CUSTOMERS
        return (
            watched.value('sum(bellwether_decisions_total{outcome="sent"})') == sent
            and watched.value("sum(bellwether_decisions_total)") == await count(kafka, topics.DECISIONS.name)
            and watched.value('sum(bellwether_records_total{outcome="dead"})') == watched.letters
        )

    asyncio.run(until(scraped))
    assert watched.value('count(up{job="bellwether"} == 1)') == WORKERS
    assert watched.query("sum(bellwether_partitions)") == [({}, topics.PARTITIONS)]


def test_rules_run_without_error_and_a_healthy_system_wakes_nobody(watched: Watched) -> None:
    async def evaluated() -> bool:
        return watched.value("count(trigger:bellwether_sent:increase1h)") is not None

    asyncio.run(until(evaluated))
    rules = [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["type"] == "alerting"] == list(BY_ALERT)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    assert {alert for alert, states in watched.alerts().items() if "firing" in states} == set()


def test_every_panel_shows_something(watched: Watched) -> None:
    async def counted() -> bool:
        return (watched.value(f'trigger:bellwether_sent:increase1h{{trigger="{TRIGGER}"}}') or 0) > 0

    asyncio.run(until(counted))
    asked = queries({"$trigger": TRIGGER})
    empty = [
        f"{panel}: {expression}"
        for panel, expression in asked
        if all(isnan(value) for _, value in watched.query(expression))
    ]
    assert [one for one in empty if not WITHOUT_DATA.search(one)] == []


def test_a_refused_config_fires_at_once_and_ends_with_the_next_good_one(watched: Watched) -> None:
    kafka = watched.cluster.kafka
    unreadable = ConfigVersion("of-a-later-release", b'{"policy":{},"triggers":{"not_written_yet":{"mode":"live"}}}', 1)
    asyncio.run(config_apply.append_again(kafka, unreadable))
    watched.wait_for("BellwetherConfigRefused", "firing")
    asyncio.run(config_apply.append(kafka, config_files.load(settings.PACKAGED_CONFIG), 2))

    async def over() -> bool:
        return "BellwetherConfigRefused" not in watched.alerts()

    asyncio.run(until(over, SEEN_SECONDS))


def test_a_source_of_garbage_is_seen_within_seconds(watched: Watched) -> None:
    garbage = [SourceRecord("notices", f"key-{number}", msgspec.Raw(b"{"), 0) for number in range(40)]
    decided(watched.cluster.kafka, garbage)
    watched.wait_for("BellwetherDeadLettersRising", "pending")


def test_a_trigger_that_runs_away_fires_at_once(watched: Watched) -> None:
    shipped = config_files.load(settings.PACKAGED_CONFIG)
    guard = replace(shipped.policy.runaway, fraud=Limit(floor=1, factor=1))
    document = {
        "policy": msgspec.to_builtins(replace(shipped.policy, runaway=guard)),
        "triggers": json.loads(config.encode(shipped))["triggers"],
    }
    asyncio.run(config_apply.append(watched.cluster.kafka, config.build(document), 3))
    decided(watched.cluster.kafka, purchases("second", CUSTOMERS))
    watched.wait_for("BellwetherTriggerHeld", "firing")

    async def held_in_all() -> bool:
        """The workers are scraped one after the other."""
        return watched.value(f'sum(bellwether_runaway_partitions{{trigger="{TRIGGER}"}})') == topics.PARTITIONS

    asyncio.run(until(held_in_all, SEEN_SECONDS))


def test_a_worker_that_is_killed_three_times_fires(watched: Watched) -> None:
    name = watched.query("bellwether_partitions")[0][0]["instance"]
    started = f'process_start_time_seconds{{instance="{name}"}}'
    for _ in range(3):
        before = watched.value(started)

        async def scraped_anew(before: float | None = before) -> bool:
            return watched.value(started) not in {None, before}

        [worker] = [
            one for one in psutil.Process(watched.supervisor).children() if one.environ()[settings.HTTP] == name
        ]
        worker.kill()
        asyncio.run(until(scraped_anew))
    watched.wait_for("BellwetherWorkerRestarting", "firing")
    asyncio.run(until(lambda: shared_evenly(watched)))


async def shared_evenly(watched: Watched) -> bool:
    """Whether the rebalances are over: a worker told to stop in the middle of one has another exit code."""
    held = watched.query("bellwether_partitions")
    return [count for _, count in held] == [topics.PARTITIONS / WORKERS] * WORKERS and all(
        is_ready(labels["instance"]) for labels, _ in held
    )


def is_ready(address: str) -> bool:
    try:
        with urlopen(f"http://{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
