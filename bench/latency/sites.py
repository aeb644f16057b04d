"""What can be tested: our workers as a whole pipeline, or any program that reads one topic and writes another."""

import asyncio
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from msgspec import Struct

from agents import config_apply, config_files, settings, stack, topic_admin
from bench import contestants
from bench.latency.jobs import AnyJob, OneStage, Pipeline
from bench.processes import cpu_seconds, workers
from streams import config, topics

JOIN_DELAY_MS = "1000"  # workers that start together get their partitions together
STOP_SECONDS_MAX = 30.0
CREATE_SECONDS_MAX = 30.0
TAG = "bench"
ENDLESS = 2_000_000_000
UNREACHED = 2_000_000_000  # of fraud checks in an hour


class Site(Struct, frozen=True):
    """A running system. `pids`: its processes; `require_running` raises RuntimeError when one has ended."""

    name: str
    job: AnyJob
    servers: stack.Stack
    pids: list[int]
    require_running: Callable[[], None]

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of the system and of the broker."""
        return cpu_seconds(self.pids), cpu_seconds([self.servers.pids["kafka"]])


@contextmanager
def pipeline(count: int, customers: int, ask_every: int) -> Iterator[Site]:
    """So many workers on a fresh Kafka and Redis, with the shipped rules."""
    job = Pipeline(tag=TAG, customers=customers, ask_every=ask_every)
    with stack.running(kafka_properties={"group.initial.rebalance.delay.ms": JOIN_DELAY_MS}) as servers:
        asyncio.run(prepare(servers))
        addresses = {settings.KAFKA: servers.kafka, settings.REDIS: servers.redis}
        with workers(count, servers.folder, addresses) as running:
            running.wait_until_ready()
            name = f"whole pipeline, {count} worker{'s' * (count > 1)}"
            yield Site(name, job, servers, running.pids, running.require_running)


async def prepare(servers: stack.Stack) -> None:
    """Our topics, and the rules in the journal."""
    await topic_admin.create(servers.kafka)
    await config_apply.append(servers.kafka, rules(), 0)


def rules() -> config.Config:
    """The shipped ones, but that a flood of fraud checks isn't held: here it is the load."""
    document = msgspec.json.decode(config.encode(config_files.load(settings.PACKAGED_CONFIG)))
    document["policy"]["runaway"]["fraud"]["floor"] = UNREACHED
    return config.build(document)


@contextmanager
def program(said: str, customers: int, ask_every: int) -> Iterator[Site]:
    """A program that does job J1 on a fresh Kafka.

    Args:
        said: the name of a contestant, or `NAME=COMMAND` with what starts it; `{kafka}`, `{source}`, `{output}` and
            `{folder}` (an empty one) are filled in. It must run until SIGTERM.
        customers: how many there are.
        ask_every: one event in so many leads to an output.
    """
    job = OneStage(tag=TAG, customers=customers, ask_every=ask_every, source="j1-source", output="j1-output")
    with stack.running() as servers:
        create(servers.kafka, [job.source, job.output])
        folder = servers.folder / "program"
        folder.mkdir()
        name, words, environment = command(said, servers.kafka, job, folder)
        log = servers.folder / "program.log"
        with started(words, environment, log) as process:

            def require_running() -> None:
                if process.poll() is not None:
                    last = log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{name} ended with {process.returncode}. Its log ends:\n{last}")

            yield Site(f"one stage (J1): {name}", job, servers, [process.pid], require_running)


def command(said: str, kafka: str, job: OneStage, folder: Path) -> tuple[str, list[str], dict[str, str]]:
    """Name, words, and what its environment needs beside ours.

    Raises:
        KeyError: there is no such contestant.
    """
    name, _, text = said.partition("=")
    if text:
        known = {"kafka": kafka, "source": job.source, "output": job.output, "folder": str(folder)}
        return name, [word.format(**known) for word in shlex.split(text)], {}
    contestant = contestants.ALL[name]
    order = contestants.Order(
        job="j1",
        broker=kafka,
        topic=job.source,
        out=job.output,
        events=ENDLESS,
        warmup=0,
        group="bench-latency-program",
        partitions=topics.PARTITIONS,
        folder=folder,
        marks=0,
    )
    words, environment = contestants.command(contestant, order)
    return f"{name}, {contestant.guarantee}", words, environment


def create(kafka: str, names: list[str]) -> None:
    """Topics of J1; its event times lie in the past, so nothing is removed for its age."""
    settings_of_topic = {"retention.ms": "-1", "message.timestamp.type": "CreateTime"}
    wanted = [NewTopic(name, topics.PARTITIONS, 1, config=settings_of_topic) for name in names]
    client = AdminClient({"bootstrap.servers": kafka})
    for made in client.create_topics(wanted).values():
        made.result(CREATE_SECONDS_MAX)


@contextmanager
def started(words: list[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for the time of a `with` block, told to stop at its end, killed if that takes too long."""
    with log.open("wb") as output:
        process = subprocess.Popen(words, env={**os.environ, **environment}, stdout=output, stderr=output)  # noqa: S603 - what the caller asked for
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
