"""Health and metrics over real HTTP; time is moved by hand."""

import asyncio
import socket

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agents import settings
from agents.health import QUIET_SECONDS_MAX, AddressError, Health, serving
from agents.metrics import Metrics

ANY_PORT = "127.0.0.1:0"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def ask(url: str, method: str = "GET", accept: str = "*/*") -> tuple[int, str, aiohttp.ClientResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers={"Accept": accept}) as response,
    ):
        return response.status, await response.text(), response


async def probe(url: str) -> tuple[int, dict[str, bool]]:
    status, _, response = await ask(url)
    document = await response.json()
    assert document["status"] == ("ok" if status == 200 else "failed")
    return status, {name: check["ok"] for name, check in document["checks"].items()}


def worker(**settings: object) -> tuple[Health, Clock]:
    clock = Clock()
    return Health(clock=clock, **settings), clock  # type: ignore[arg-type]


async def test_alive_while_the_loop_turns_whatever_kafka_and_redis_do() -> None:
    health, clock = worker(redis_ok=lambda: False)
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        assert await probe(f"{url}/livez") == (200, {"event_loop": True, "batch": True})
        clock.seconds += 10.5
        assert await probe(f"{url}/livez") == (503, {"event_loop": False, "batch": True})
        health.loop_turned()
        assert (await probe(f"{url}/livez"))[0] == 200


async def test_the_server_itself_notes_that_the_loop_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.health.TURN_SECONDS", 0.01)
    health, clock = worker()
    async with serving(ANY_PORT, health, Metrics().registry) as url, asyncio.timeout(20):
        clock.seconds += 3600
        while (await probe(f"{url}/livez"))[0] != 200:  # noqa: ASYNC110 - asked over HTTP, as an operator would
            await asyncio.sleep(0.01)


async def test_not_alive_while_one_of_the_lanes_is_stuck_in_a_batch() -> None:
    health, clock = worker(batch_seconds_max=60.0)
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        health.batch_started(0)
        clock.seconds += 59
        health.batch_started(1)
        health.loop_turned()
        assert (await probe(f"{url}/livez"))[0] == 200
        clock.seconds += 2
        assert await probe(f"{url}/livez") == (503, {"event_loop": True, "batch": False})
        health.batch_ended(0)
        assert (await probe(f"{url}/livez"))[0] == 200


async def test_ready_when_assigned_and_recovered_redis_shown_but_not_counted() -> None:
    redis = [True]
    health, _ = worker(redis_ok=lambda: redis[0])
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        well = {"partitions": True, "recovery": True, "kafka": True, "batch": True, "redis": True}
        assert await probe(f"{url}/readyz") == (503, {**well, "partitions": False, "recovery": False})
        health.assigned(2)
        assert await probe(f"{url}/readyz") == (503, {**well, "recovery": False})
        health.recovered()
        redis[0] = False
        assert await probe(f"{url}/readyz") == (200, {**well, "redis": False})
        health.assigned(1)  # a rebalance
        assert (await probe(f"{url}/readyz"))[0] == 503


async def test_not_ready_while_kafka_is_silent_but_alive() -> None:
    quiet = [QUIET_SECONDS_MAX]
    health, _ = worker(kafka_quiet_seconds=lambda: quiet[0])
    health.assigned(4)
    health.recovered()
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        assert (await probe(f"{url}/readyz"))[0] == 200
        quiet[0] += 0.1
        status, checks = await probe(f"{url}/readyz")
        assert (status, checks["kafka"]) == (503, False)
        assert (await probe(f"{url}/livez"))[0] == 200
        quiet[0] = 0.0
        assert (await probe(f"{url}/readyz"))[0] == 200


async def test_not_ready_while_a_batch_hangs_long_before_it_counts_as_dead() -> None:
    health, clock = worker()
    health.assigned(4)
    health.recovered()
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        health.batch_started(0)
        clock.seconds += QUIET_SECONDS_MAX + 1
        health.loop_turned()
        status, checks = await probe(f"{url}/readyz")
        assert (status, checks["batch"]) == (503, False)
        assert (await probe(f"{url}/livez"))[0] == 200
        health.batch_ended(0)
        assert (await probe(f"{url}/readyz"))[0] == 200


async def test_a_worker_without_partitions_is_not_ready() -> None:
    health, _ = worker()
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        health.assigned(0)
        health.recovered()
        assert (await probe(f"{url}/readyz"))[0] == 503


async def test_started_once_is_started_for_good() -> None:
    health, _ = worker()
    async with serving(ANY_PORT, health, Metrics().registry) as url:
        assert await probe(f"{url}/startupz") == (503, {"first_recovery": False})
        health.assigned(1)
        health.recovered()
        health.assigned(2)
        assert await probe(f"{url}/startupz") == (200, {"first_recovery": True})


async def test_metrics_in_the_format_that_is_asked_for() -> None:
    metrics = Metrics()
    metrics.records.add("usage", "journaled", count=3)
    sample = ("bellwether_records_total", {"topic": "usage", "outcome": "journaled"}, 3.0)
    async with serving(ANY_PORT, Health(), metrics.registry) as url:
        for accept, parse, content_type in (
            ("*/*", parse_text, "text/plain"),
            ("application/openmetrics-text;version=1.0.0", parse_openmetrics, "application/openmetrics-text"),
        ):
            status, text, response = await ask(f"{url}/metrics", accept=accept)
            assert (status, response.content_type) == (200, content_type)
            found = [(s.name, s.labels, s.value) for family in parse(text) for s in family.samples]
            assert sample in found


async def test_other_paths_and_methods_are_refused() -> None:
    async with serving(ANY_PORT, Health(), Metrics().registry) as url:
        statuses = [(await ask(f"{url}{path}"))[0] for path in ("/", "/table", "/metrics/", "/livez/x")]
        assert statuses == [404, 404, 404, 404]
        assert (await ask(f"{url}/livez", "HEAD"))[:2] == (200, "")
        assert [(await ask(f"{url}/livez", method))[0] for method in ("POST", "PUT", "DELETE")] == [405, 405, 405]


async def test_an_address_that_is_taken_or_unreadable_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=f"127.0.0.1:{port}.*\n.*BELLWETHER_HTTP"):
            async with serving(f"127.0.0.1:{port}", Health(), Metrics().registry):
                pass
    for wrong in ("9187", "localhost:", "localhost:http", "localhost:70000"):
        with pytest.raises(AddressError, match=r"expected host:port, such as 127\.0\.0\.1:9187"):
            async with serving(wrong, Health(), Metrics().registry):
                pass


def test_loopback_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BELLWETHER_HTTP", raising=False)
    assert settings.load().http == "127.0.0.1:9187"
    monkeypatch.setenv("BELLWETHER_HTTP", "0.0.0.0:80")
    assert settings.load().http == "0.0.0.0:80"
