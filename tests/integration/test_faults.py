"""A load with a worker killed and one frozen past its session: what is left on Kafka equals the oracle's."""

import asyncio
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

from agents.demo.generator import generate
from agents.demo.poison import Poisoned
from agents.demo.send import ALLOWANCE, send
from agents.stack import Stack
from agents.verify import Evidence, dead_letters, settled, verify
from streams.journal import KINDS
from tests.integration.running import running, until, until_ready

EVENTS = 150_000
FROZEN_SECONDS = 9  # the session is 6
LOAD_SECONDS = 240
BELLWETHER = str(Path(sys.executable).with_name("bellwether"))
WORKERS = (BELLWETHER, "worker", "--processes", "2", "--ticks", "event-time", "--allowance", f"P{ALLOWANCE.days + 1}D")


async def break_things(supervisor_pid: int, sent: list[int]) -> list[int]:
    """A kill at a third of the load, a freeze at two thirds; returns how much was sent when each hit."""
    hits = []

    async def reached(count: int) -> bool:
        return sent[-1] >= count

    await until(lambda: reached(EVENTS // 3), LOAD_SECONDS)
    killed, frozen = psutil.Process(supervisor_pid).children()
    killed.kill()
    hits.append(sent[-1])
    await until(lambda: reached(2 * EVENTS // 3), LOAD_SECONDS)
    frozen.suspend()
    hits.append(sent[-1])
    await asyncio.sleep(FROZEN_SECONDS)
    frozen.resume()
    return hits


async def load(cluster: Stack, records: Poisoned, log: Path) -> tuple[list[int], Evidence, list[str]]:
    with running(WORKERS, cluster, log) as supervisor:
        await until_ready(log, workers=2)
        sent = [0]
        faults = asyncio.ensure_future(break_things(supervisor.pid, sent))
        await send(cluster.kafka, records, sent.append)
        hits = await faults
        await until(lambda: settled(cluster.kafka), LOAD_SECONDS)
    return hits, *await verify(cluster.kafka)


def test_nothing_is_lost_or_doubled_when_a_worker_is_killed_and_one_frozen(cluster: Stack, tmp_path: Path) -> None:
    log, records = tmp_path / "workers.log", Poisoned(generate(EVENTS, seed=3).records, EVENTS)
    hits, evidence, problems = asyncio.run(load(cluster, records, log))
    assert hits[-1] < EVENTS, "both faults must hit while records are in flight"
    assert problems == []
    assert dead_letters(evidence) == records.reasons
    assert evidence.replayed.machine.entries.keys() >= set(KINDS) - {"forget", "release"}
    told = log.read_text()
    assert "exit_code=-9" in told, "the killed worker was started again"
    assert '"meaning": "fenced"' in told, "the frozen one found itself fenced"
