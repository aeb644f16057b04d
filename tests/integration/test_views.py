"""Views on a real Redis that is killed, frozen, emptied, filled up and taken over."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis

from agents.metrics import Metrics
from agents.stack import redis_server
from agents.stack.process import Process, free_port
from agents.views import Views
from agents.views.store import EMPTIED, REFUSED, WRITTEN, Chunk, Store
from streams.view import View

RANKING = "bellwether:customers-at-risk"


class Server:
    """One redis-server of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process = self._launch()
        self.client = Redis(port=self.port, decode_responses=True)

    def _launch(self, *arguments: str) -> Process:
        return redis_server.launch(self.folder, self.port, arguments)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *arguments: str) -> None:
        self.process = self._launch(*arguments)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def positions(self) -> dict[str, int]:
        keys = [str(key) for key in self.client.keys("bellwether:customer:*")]
        return {key.rpartition(":")[2]: int(self.client.hget(key, "position") or -1) for key in keys}

    def ranking(self) -> dict[str, float]:
        return {str(pair[0]): float(pair[1]) for pair in self.client.zrange(RANKING, 0, -1, withscores=True)}

    def commands(self, name: str) -> int:
        return int(self.client.info("commandstats").get(f"cmdstat_{name}", {"calls": 0})["calls"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.client.close()
    running.process.kill()


def blob(position: int, rank: float | None = None) -> bytes:
    return f"{position} {'' if rank is None else rank}".encode()


def describe(customer: str, state: bytes) -> View:
    position, rank = state.decode().split(" ")
    return View(customer, int(position), b'{"position":%s}' % position.encode(), float(rank) if rank else None)


@asynccontextmanager
async def running(server: Server, **settings: float) -> AsyncIterator[Views]:
    views = Views(server.url, describe, Metrics(), check_seconds=0.05, breaker_seconds_max=0.2, **settings)  # type: ignore[arg-type]
    loop = asyncio.create_task(views.run())
    try:
        yield views
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        await views.close()


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition; the limit is far beyond any machine's slowness."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another process changes what we look at
            await asyncio.sleep(0.01)


def metric(views: Views, name: str) -> float | None:
    return views._metrics.registry.get_sample_value(f"bellwether_{name}")


async def test_views_and_ranking_are_written_and_read_back(server: Server) -> None:
    customers = {b"ada": blob(3, 250.5), b"bob": blob(4)}
    async with running(server) as views:
        views.assign(2, customers)
        await until(lambda: server.positions() == {"ada": 3, "bob": 4})
        assert server.client.hgetall("bellwether:customer:ada") == {
            "document": '{"position":3}',
            "position": "3",
            "partition": "2",
        }
        assert server.ranking() == {"ada": 250.5}
        customers[b"ada"], customers[b"bob"] = blob(5), blob(6, 9.0)
        views.mark(2, [b"ada", b"bob"])
        await until(lambda: server.ranking() == {"bob": 9.0})
        assert server.positions() == {"ada": 5, "bob": 6}
        assert metric(views, "views_behind_entries") == 0


async def test_an_older_position_never_overwrites_a_newer_one(server: Server) -> None:
    customers = {b"ada": blob(10, 1.0), b"bob": blob(1)}
    async with running(server) as views:
        views.assign(0, customers)
        await until(lambda: server.positions() == {"ada": 10, "bob": 1})
        customers[b"ada"], customers[b"bob"] = blob(9, 7.0), blob(2)
        views.mark(0, [b"ada", b"bob"])
        await until(lambda: server.positions()["bob"] == 2)
        assert server.positions() == {"ada": 10, "bob": 2}
        assert server.ranking() == {"ada": 1.0}


async def test_many_marks_of_a_customer_are_one_write_of_the_current_state(server: Server) -> None:
    customers = {b"ada": blob(0)}
    async with running(server) as views:
        views.assign(0, customers)
        await until(lambda: server.positions() == {"ada": 0})
        before = server.commands("hset")
        for position in range(1, 101):
            customers[b"ada"] = blob(position)
            views.mark(0, [b"ada"])
        await until(lambda: server.positions() == {"ada": 100})
        assert server.commands("hset") == before + 1


async def test_a_forgotten_customer_leaves_views_and_ranking(server: Server) -> None:
    customers = {b"ada": blob(1, 5.0), b"bob": blob(1, 6.0)}
    async with running(server) as views:
        views.assign(0, customers)
        await until(lambda: len(server.positions()) == 2)
        del customers[b"ada"]
        views.mark(0, [b"ada"])
        await until(lambda: list(server.positions()) == ["bob"])
        assert server.ranking() == {"bob": 6.0}


async def test_a_view_of_a_customer_forgotten_before_a_restart_is_found_and_removed(server: Server) -> None:
    async with running(server) as views:
        views.assign(0, {b"ada": blob(1, 5.0)})
        views.assign(1, {b"eve": blob(1)})
        await until(lambda: set(server.positions()) == {"ada", "eve"})
    async with running(server) as views:  # killed after the commit, before the view: nobody marks her again
        views.assign(0, {b"bob": blob(2)})
        await until(lambda: set(server.positions()) == {"bob", "eve"})
        assert server.ranking() == {}


async def test_redis_killed_and_back_empty_is_written_anew(server: Server) -> None:
    customers = {b"customer%d" % number: blob(number, float(number)) for number in range(1200)}
    async with running(server) as views:
        views.assign(0, customers)
        await until(lambda: len(server.positions()) == 1200)
        server.process.kill()
        customers[b"customer7"] = blob(5000, 1.0)
        views.mark(0, [b"customer7"])
        await until(lambda: views.breaker_open)
        assert metric(views, "views_breaker_open") == 1
        assert metric(views, "views_behind_entries") == 1
        await asyncio.to_thread(server.start)
        await until(lambda: len(server.positions()) == 1200 and len(server.ranking()) == 1200)
        assert server.positions()["customer7"] == 5000
        assert metric(views, "views_breaker_open") == 0


async def test_redis_back_with_old_data_is_written_anew(server: Server) -> None:
    customers = {b"ada": blob(1), b"bob": blob(1)}
    async with running(server) as views:
        views.assign(0, customers)
        await until(lambda: server.positions() == {"ada": 1, "bob": 1})
        server.client.save()
        customers[b"ada"] = blob(2)
        del customers[b"bob"]
        views.mark(0, [b"ada", b"bob"])
        await until(lambda: server.positions() == {"ada": 2})
        server.process.kill()
        await asyncio.to_thread(server.start)
        await until(lambda: server.positions() == {"ada": 2})


async def test_an_emptied_redis_is_noticed_though_nothing_changes(server: Server) -> None:
    async with running(server) as views:
        views.assign(0, {b"ada": blob(1, 2.0)})
        views.assign(1, {b"bob": blob(1)})
        await until(lambda: len(server.positions()) == 2)
        server.client.flushall()
        await until(lambda: len(server.positions()) == 2)
        assert server.ranking() == {"ada": 2.0}


async def test_a_frozen_redis_stops_neither_marks_nor_the_event_loop(server: Server) -> None:
    customers = {b"customer%d" % number: blob(number) for number in range(2000)}
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with running(server) as views:
        counting = asyncio.create_task(count())
        views.assign(0, customers)
        await until(lambda: views.behind == 0)
        server.signal(signal.SIGSTOP)
        failures = 0
        while not views.breaker_open:  # between any two of our own turns the counter has had its own
            before = turns
            views.mark(0, customers)
            await asyncio.sleep(0.001)
            failures = max(failures, views._breaker.failures)
            assert turns > before
        assert failures >= 3
        assert views.behind == 2000
        customers[b"customer0"] = blob(3000)
        server.signal(signal.SIGCONT)
        await until(lambda: not views.breaker_open and views.behind == 0)
        assert server.positions()["customer0"] == 3000
        counting.cancel()


async def test_a_write_that_was_stuck_and_comes_late_brings_nobody_back(server: Server) -> None:
    store = Store(server.url, timeout_seconds=1.0)
    await store.is_another()
    late = Chunk(0, "lease", attempt=0, claim=False, keys=[b"ada"], fields=[1, "{}", 5.0])
    claim = Chunk(0, "lease", attempt=0, claim=True)
    deletion = Chunk(0, "lease", attempt=1, claim=False, keys=[b"ada"], fields=[False, "", False])
    assert await store.write([claim, late, deletion, late]) == [EMPTIED, WRITTEN, WRITTEN, REFUSED]
    assert (server.positions(), server.ranking()) == ({}, {})
    await store.close()


async def test_after_a_failure_earlier_writes_are_no_longer_taken(server: Server) -> None:
    async with running(server) as views:
        views.assign(0, {b"ada": blob(1)})
        await until(lambda: server.positions() == {"ada": 1})
        before = str(server.client.hget("bellwether:views", "0"))
        server.signal(signal.SIGSTOP)
        await until(lambda: views.breaker_open)
        server.signal(signal.SIGCONT)
        views.mark(0, [b"ada"])
        await until(lambda: not views.breaker_open and views.behind == 0)
        lease, attempt = before.split()
        after = str(server.client.hget("bellwether:views", "0")).split()
        assert after[0] == lease
        assert int(after[1]) > int(attempt)


async def test_a_worker_that_lost_its_partition_writes_nothing(server: Server) -> None:
    async with running(server) as frozen, running(server) as owner:
        frozen.assign(0, {b"ada": blob(1)})
        await until(lambda: server.positions() == {"ada": 1})
        owner.assign(0, {b"bob": blob(2)})  # ada was forgotten meanwhile
        await until(lambda: server.positions() == {"bob": 2})
        frozen.mark(0, [b"ada"])
        await until(lambda: frozen._partitions[0].refused_until > 0)
        assert server.positions() == {"bob": 2}


async def test_a_full_redis_opens_the_breaker_and_is_caught_up_with_later(server: Server) -> None:
    customers = {b"ada": blob(1)}
    async with running(server) as views:
        views.assign(0, customers)
        await until(lambda: server.positions() == {"ada": 1})
        server.client.config_set("maxmemory", "1kb")  # less than it holds when empty: no write is taken
        customers[b"ada"] = blob(2)
        views.mark(0, [b"ada"])
        await until(lambda: views.breaker_open)
        assert server.positions() == {"ada": 1}
        server.client.config_set("maxmemory", "0")
        await until(lambda: server.positions() == {"ada": 2})
        await until(lambda: not views.breaker_open)


async def test_one_customer_who_cannot_be_described_does_not_hide_the_others(server: Server) -> None:
    async with running(server) as views:
        views.assign(0, {b"broken": b"not a state", b"ada": blob(1), b"nan": blob(1, float("nan"))})
        await until(lambda: server.positions() == {"ada": 1, "nan": 1})
        assert server.ranking() == {}
        assert views._attempt == 0


async def test_a_loop_held_by_a_long_batch_is_no_failure_of_redis(server: Server) -> None:
    customers = {b"ada": blob(0)}
    async with running(server, timeout_seconds=0.02) as views:
        views.assign(0, customers)
        await until(lambda: server.positions() == {"ada": 0})
        for position in range(1, 8):
            customers[b"ada"] = blob(position)
            views.mark(0, [b"ada"])
            for _ in range(10):  # the write falls between two of these
                await asyncio.sleep(0.002)
                signal.sigtimedwait([], 0.03)  # nothing else runs meanwhile
        assert views._attempt == 0


async def test_flush_writes_what_waits_and_gives_up_when_redis_is_away(server: Server) -> None:
    customers = {b"customer%d" % number: blob(number) for number in range(1500)}
    views = Views(server.url, describe, Metrics())
    views.assign(0, customers)
    assert await views.flush() == 0
    assert len(server.positions()) == 1500
    server.process.kill()
    views.mark(0, [b"customer1"])
    assert await views.flush(seconds=0.3) == 1
    await views.close()


async def test_a_revoked_partition_is_left_alone(server: Server) -> None:
    async with running(server) as views:
        views.assign(0, {b"ada": blob(1)})
        await until(lambda: server.positions() == {"ada": 1})
        views.revoke(0)
        views.mark(0, [b"ada"])
        server.client.flushall()
        views.assign(1, {b"bob": blob(1)})
        await until(lambda: server.positions() == {"bob": 1})
        assert views.behind == 0
