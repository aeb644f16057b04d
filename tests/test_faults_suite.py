"""The fault suite's own parts: the proxy does what it says, the schedule has every fault, the report counts right."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents.crash_points import EXIT_CODE, VARIABLE
from agents.stack.process import free_port
from faults import planted, report
from faults.fleet import Fleet, Slot
from faults.group import Result
from faults.inject import Done
from faults.proxy import END_TXN, Proxy, proxying
from faults.report import Report
from faults.schedule import CRASH_POINTS, Group, groups, least
from faults.ways import way_of

FETCH = 1
LIMIT_SECONDS = 10
MACHINE: dict[str, str | int] = {"cores": 1, "cpu": "", "kernel": "", "python": ""}


def request(api_key: int, correlation: int, client: bytes = b"worker") -> bytes:
    body = api_key.to_bytes(2) + (0).to_bytes(2) + correlation.to_bytes(4) + len(client).to_bytes(2) + client
    return len(body).to_bytes(4) + body


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that answers each request with its correlation id and a long text."""
    try:
        while True:
            body = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
            answer = body[4:8] + b"x" * 3000
            writer.write(len(answer).to_bytes(4) + answer)
    except asyncio.IncompleteReadError:
        writer.close()


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[Proxy, int]]:
    broker = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    port = free_port()
    async with broker, proxying(port, broker.sockets[0].getsockname()[1]) as proxy, asyncio.timeout(LIMIT_SECONDS):
        yield proxy, port


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(connection: Connection, api_key: int, correlation: int, client: bytes = b"worker") -> None:
    connection[1].write(request(api_key, correlation, client))
    await connection[1].drain()


async def answered(connection: Connection) -> int:
    """The correlation id of the next answer, which must be whole."""
    length = int.from_bytes(await connection[0].readexactly(4))
    body = await connection[0].readexactly(length)
    assert body[4:] == b"x" * 3000
    return int.from_bytes(body[:4])


async def test_the_proxy_drops_the_answers_it_was_told_to_drop_and_no_other() -> None:
    async with proxied() as (proxy, port):
        connection = await asyncio.open_connection("127.0.0.1", port)
        swallowing = asyncio.ensure_future(proxy.swallow(END_TXN, 2, LIMIT_SECONDS))
        await asyncio.sleep(0)
        for correlation, api_key in enumerate((FETCH, END_TXN, FETCH, END_TXN, END_TXN, FETCH)):
            await ask(connection, api_key, correlation)
        assert [await answered(connection) for _ in range(4)] == [0, 2, 4, 5]
        assert await swallowing == 2
        connection[1].close()


async def test_sliced_frames_arrive_whole() -> None:
    async with proxied() as (proxy, port):
        slicing = asyncio.ensure_future(proxy.slice(LIMIT_SECONDS))
        await asyncio.sleep(0)
        connection = await asyncio.open_connection("127.0.0.1", port)
        await ask(connection, FETCH, 7)
        assert await answered(connection) == 7
        assert proxy.touched > 200
        slicing.cancel()
        connection[1].close()


async def test_a_cut_delays_and_loses_nothing() -> None:
    async with proxied() as (proxy, port):
        connection = await asyncio.open_connection("127.0.0.1", port)
        await ask(connection, FETCH, 1)
        assert await answered(connection) == 1
        cut = asyncio.ensure_future(proxy.cut(0.3))
        await asyncio.sleep(0)
        await ask(connection, FETCH, 2)
        answer = asyncio.ensure_future(answered(connection))
        await cut
        assert not answer.done()
        assert await answer == 2
        connection[1].close()


async def test_a_reset_ends_every_connection() -> None:
    async with proxied() as (proxy, port):
        connection = await asyncio.open_connection("127.0.0.1", port)
        await ask(connection, FETCH, 1)
        await answered(connection)
        await proxy.reset()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await answered(connection)
        connection[1].close()


async def test_a_half_open_connection_is_silent_but_for_the_suites_own_and_for_new_ones() -> None:
    async with proxied() as (proxy, port):
        dead, own = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for connection, client in ((dead, b"worker"), (own, b"faults-load")):
            await ask(connection, FETCH, 1, client)
            await answered(connection)
        await proxy.half_open()
        new = await asyncio.open_connection("127.0.0.1", port)
        for connection in (dead, own, new):
            await ask(connection, FETCH, 2)
        assert [await answered(connection) for connection in (own, new)] == [2, 2]
        silence = asyncio.ensure_future(answered(dead))
        assert not (await asyncio.wait({silence}, timeout=0.2))[0]
        silence.cancel()
        for connection in (dead, own, new):
            connection[1].close()


def hits(made: list[Group]) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in made:
        for steps in group.rounds:
            for step in steps:
                found[step.row] = found.get(step.row, 0) + 1
    return found


@pytest.mark.parametrize("length", ["short", "long"])
def test_a_schedule_has_at_least_what_the_run_must_show(length: str) -> None:
    kind = "short" if length == "short" else "long"
    found = hits(groups(kind, 1))
    assert {row: found.get(row, 0) for row, count in least(kind).items() if found.get(row, 0) < count} == {}


def test_a_schedule_has_every_crash_point_and_follows_its_seed() -> None:
    made = groups("short", 1)
    faults = [step.fault for group in made for steps in group.rounds for step in steps]
    assert {fault for fault in faults if fault.startswith("crash at")} == {
        f"crash at {point}" for point in CRASH_POINTS
    }
    assert made == groups("short", 1)
    assert made != groups("short", 2)
    assert hits(groups("short", 1, ["F-04"])).keys() == {"F-04"}


@pytest.mark.parametrize("length", ["short", "long"])
def test_every_fault_of_a_schedule_can_be_done_and_its_row_has_a_name(length: str) -> None:
    kind = "short" if length == "short" else "long"
    steps = [step for group in groups(kind, 1) for some in group.rounds for step in some]
    assert all(way_of(step.fault) for step in steps)
    assert {step.row for step in steps} <= report.ROWS.keys()


def test_each_of_the_eight_bugs_can_be_planted() -> None:
    assert sorted(planted.BUGS) == list(range(1, 9))


@asynccontextmanager
async def sleeping_worker(folder: Path) -> AsyncIterator[Slot]:
    fleet = Fleet([sys.executable, "-c", "import time; time.sleep(60)"], {}, folder)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            yield fleet.add()
    finally:
        await fleet.end()


async def pid_of(slot: Slot, starts: int) -> int:
    while slot.starts < starts or slot.process is None:  # noqa: ASYNC110 - another task's doing
        await asyncio.sleep(0.01)
    return slot.process.pid


async def files_max(slot: Slot, starts: int) -> int:
    return resource.prlimit(await pid_of(slot, starts), resource.RLIMIT_NOFILE)[0]


async def test_a_limit_is_for_the_next_start_only(tmp_path: Path) -> None:
    async with sleeping_worker(tmp_path) as slot:
        usual = await files_max(slot, 1)
        slot.limits = {resource.RLIMIT_NOFILE: 20}
        slot.kill(0.0)
        assert await files_max(slot, 2) == 20
        slot.kill(0.0)
        assert await files_max(slot, 3) == usual


async def test_a_worker_that_may_not_start_waits_until_it_may(tmp_path: Path) -> None:
    async with sleeping_worker(tmp_path) as slot:
        await pid_of(slot, 1)
        slot.may_start.clear()
        slot.kill(0.0)
        await slot.until_ended(1, LIMIT_SECONDS)
        await asyncio.sleep(0.2)
        assert slot.starts == 1
        slot.may_start.set()
        assert await pid_of(slot, 2)


def test_problems_are_sorted_into_lost_doubled_and_wrong() -> None:
    told = ["lost: t, partition 0, offset 3", "2 journal entries were never decided", "taken in 2 times: x"]
    told += ["published twice: y", "7 records of the state differ from the oracle's"]
    assert report.verdict(told) == report.Verdict(lost=2, doubled=2, wrong=1)


def test_a_report_counts_what_its_groups_lost() -> None:
    results = [Result("workers", 1, problems=["lost: t, partition 0, offset 3", "published twice: y"])]
    whole = Report("short", 1, MACHINE, {}, "", 1.0, results, ["I0: F-01 hit 2 times, at least 3 are wanted"])
    assert next(report.notes(whole)) == "1 lost, 1 doubled, 1 wrong"


def test_a_fault_that_missed_does_not_count() -> None:
    done = [Done("F-01", "kill", 1.0, in_flight, 0.1) for in_flight in (5, 0, 9)]
    results = [Result("workers", 1, done=done)]
    assert report.too_few(results, {"F-01": 2}) == []
    assert report.too_few(results, {"F-01": 3}) == ["I0: F-01 hit 2 times, at least 3 are wanted"]


def test_a_fault_that_this_machine_cannot_do_is_told_as_skipped_and_is_no_miss() -> None:
    done = [
        Done("F-21", "clock +60 min", 1.0, 5, 0.1, times=0, skipped="nothing there"),
        Done("F-28", "forget", 1, 5, 0),
    ]
    results = [Result("data", 1, done=done)]
    assert report.too_few(results, {"F-21": 3, "F-28": 1}) == []
    whole = Report("short", 1, MACHINE, {}, "", 1.0, results, [])
    rows = [line for line in report.as_markdown(whole).splitlines() if line.startswith(("| F-21", "| F-28"))]
    assert [("skipped: nothing there" in row, "| 0 | 0/1 |" in row) for row in rows] == [(True, True), (False, False)]


def test_percentiles_of_few() -> None:
    assert report.percentiles([]) == (0, 0, 0)
    assert report.percentiles([4.0]) == (4, 4, 4)
    assert report.percentiles([float(value) for value in range(1, 102)]) == (51, 96, 101)


PASSES = """
from agents import crash_points
for number in range(9):
    crash_points.reached("P1")
    crash_points.reached("P2")
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("armed", "survived", "code"),
    [("P2:3", 2, EXIT_CODE), ("P1:1", 0, EXIT_CODE), ("P5:1", 9, 0), ("", 9, 0)],
)
def test_a_crash_point_ends_the_process_at_its_pass(armed: str, survived: int, code: int) -> None:
    command = [sys.executable, "-c", PASSES]
    ended = subprocess.run(command, env={**os.environ, VARIABLE: armed}, capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert (len(ended.stdout.splitlines()), ended.returncode) == (survived, code)
