"""One run of the demo: everything started, records sent, all of it decided, and the evidence gathered."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from time import monotonic

from msgspec import Struct

from agents import config_apply, config_files, settings, topic_admin, verify
from agents import stack as local_stack
from agents.access_settings import KAFKA_PREFIX, REDIS_PREFIX, forget
from agents.demo import generator, interrupts, workers
from agents.demo.evidence import Evidence
from agents.demo.generator import SourceRecord
from agents.demo.poison import Poisoned
from agents.demo.screen import Screen
from agents.demo.send import send_with_ticks
from agents.demo.timeline import MONTHS, START_MS
from agents.demo.truth import Truth
from agents.demo.watch import Counts, Watch
from agents.demo.workers import Workers
from agents.stack import Stack

POLL_SECONDS = 0.1
QUIET_SECONDS = 0.5
STALLED_SECONDS_MAX = 60.0


class NotEmptyError(Exception):
    """The Kafka that was named has a journal already; its address."""


class Ended(Struct):
    """A run, and what is left of it: `stack` and `workers` run on if they were to be kept."""

    evidence: Evidence
    stack: Stack
    workers: Workers


class _Records(Struct):
    truth: Truth
    all: Poisoned
    events: int

    def __iter__(self) -> Iterator[SourceRecord]:
        return iter(self.all)


def run(events: int, seed: int, *, keep: bool, screen: Screen) -> Ended:
    """Play `events` records, about, through two workers.

    Raises:
        StackError, WorkersError, KafkaError: a part doesn't do its own; whatever was started is stopped.
        NotEmptyError: Kafka is somebody's, and in use.
    """
    generated = generator.generate(events, seed)
    records = _Records(generated.truth, Poisoned(generated.records, events), events)
    screen.say(f"About {events:,} events of {generated.truth.customers:,} made-up customers in {MONTHS} months.")
    with ExitStack() as started:
        started.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        with screen.step("Kafka and Redis"):
            stack = local_stack.up()
            started.callback(stack.down)
        _keep_secrets(stack)
        with screen.step("Topics and rules"):
            asyncio.run(_prepare(stack.kafka))
        with screen.step("Two workers"):
            running = workers.start(stack)
            started.callback(running.stop)
            started.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C mustn't leave half of it
            running.wait_until_ready()
        evidence = asyncio.run(_gather(stack, running, records, screen, keep=keep))
        if keep:
            running.save(stack.folder)
            started.pop_all()
    return Ended(evidence, stack, running)


def _keep_secrets(stack: Stack) -> None:
    """Credentials in the environment are for the servers that it names: ours ask for none, and hear none."""
    for part, prefix in ((stack.kafka_part, KAFKA_PREFIX), (stack.redis_part, REDIS_PREFIX)):
        if part.ours:
            forget(os.environ, prefix)


async def _prepare(kafka: str) -> None:
    """Topics, and the rules as they are shipped, from the day on which the data begin."""
    await topic_admin.create(kafka)
    async with Watch(kafka) as watch:
        if await watch.has_journal():
            raise NotEmptyError(kafka)
    await config_apply.append(kafka, config_files.load(settings.PACKAGED_CONFIG), START_MS)


async def _gather(stack: Stack, running: Workers, records: _Records, screen: Screen, *, keep: bool) -> Evidence:
    async with Watch(stack.kafka) as watch:
        with screen.counting(records.events):
            seconds = await _play(stack.kafka, running, records, watch, screen)
        exit_code = None
        if not keep:
            with screen.step("Workers stop"):
                exit_code = await asyncio.to_thread(running.stop)
        await watch.finish()
    tables = await verify.live_tables(stack.kafka)
    with screen.bar("Replay") as progress:
        replayed = await verify.replay(stack.kafka, tables, progress)
    return Evidence(
        sent=screen.sent,
        seconds=seconds,
        truth=records.truth,
        unreadable=records.all.reasons,
        live={place: [verify.as_published(one) for one in some] for place, some in watch.records.items()},
        tables=tables,
        exit_code=exit_code,
        restarts=running.restarts,
        replayed=replayed,
    )


async def _play(kafka: str, running: Workers, records: _Records, watch: Watch, screen: Screen) -> float:
    """Send everything and wait until it is decided; seconds from the first record sent to the last change."""
    began_at = monotonic()
    sending = asyncio.create_task(send_with_ticks(kafka, records, screen.tell_sent))
    try:
        return await _until_decided(sending, running, watch, screen) - began_at
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


async def _until_decided(sending: asyncio.Task[None], running: Workers, watch: Watch, screen: Screen) -> float:
    last, changed_at = Counts(), monotonic()
    while True:
        interrupts.check()
        counts = await watch.look()
        screen.tell(counts)
        if counts != last:
            last, changed_at = counts, monotonic()
        running.require()
        quiet_seconds = monotonic() - changed_at
        if sending.done():
            sending.result()
            if quiet_seconds > QUIET_SECONDS and await watch.is_settled():
                return changed_at
        if quiet_seconds > STALLED_SECONDS_MAX:
            raise running.failure(f"Nothing has moved for {STALLED_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
