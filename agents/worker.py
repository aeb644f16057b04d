"""One worker process, wired: the only place where the parts meet."""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.metadata import version
from typing import Any, NoReturn

import faust
import faust.streams
import msgspec
import structlog
import uvloop

from agents import clock, logs, settings, stop, transport
from agents.accounting import Instruments
from agents.assignment import SOURCE_TOPICS, Assignment
from agents.health import Health, serving
from agents.metrics import Metrics
from agents.transport import BatchApp, BatchTopic, CustomerTable, TableManager
from agents.views import Views
from agents.watchdog import Watchdog
from streams import dead_letters, topics, trigger, turn
from streams.view import describe

log = structlog.get_logger("agents.worker")  # also where this module is run as __main__
SESSION_TIMEOUT_SECONDS = 6
HEARTBEAT_SECONDS = 1
REQUEST_TIMEOUT_SECONDS = 40
POLL_INTERVAL_MAX_SECONDS = 10 * 86_400.0  # a worker without partitions must not be thrown out of its group
SWITCH_INTERVAL_SECONDS = 0.0005  # Faust's membership thread shares the GIL: 5 ms a hand-over would add up
FLUSH_VIEWS_SECONDS = 2.0
LOOK_SECONDS = 1.0
PLAIN_CLOCKS = {"wall-clock": clock.wall_clock, "none": clock.no_clock}
RAW = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}


def run(known: settings.Settings, ticks: clock.Clock) -> NoReturn:
    """Run one worker until SIGTERM; exits 0 after a clean stop, else with a code of `stop.Code`."""
    if faust.streams._CStreamIterator is None:  # noqa: SLF001 - its slow twin acknowledges what it skips
        stop.at_once(stop.Code.MISCONFIGURED, "faust_without_cython", hint="install the wheel, unset NO_CYTHON")
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    gc.freeze()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = build(known, ticks)
    worker = faust.Worker(
        app, loop=loop, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None
    logging.getLogger(transport.__name__).setLevel(logging.WARNING)  # Faust's services report under their subclass
    sys.exit(worker.execute_from_commandline())


def build(known: settings.Settings, ticks: clock.Clock) -> BatchApp:
    """The Faust app with its agents, its table and its tasks."""
    metrics = Metrics(dead_letters.REASONS, suppression_reasons())
    metrics.build.show(version("bellwether"))
    views = Views(known.redis, describe, metrics)
    app = _app(known)

    def kafka_quiet_seconds() -> float:
        return float(app.assignment.quiet_seconds())

    health = Health(redis_ok=lambda: not views.breaker_open, kafka_quiet_seconds=kafka_quiet_seconds)
    app.assignment = Assignment(known.kafka, views, Instruments(metrics, health))
    for name in (*SOURCE_TOPICS, topics.JOURNAL.name):
        _add_agent(app, name)
    app.tables.add(
        CustomerTable(
            app,
            name="customers",
            schema=faust.Schema(**RAW),
            partitions=topics.PARTITIONS,
            beacon=app.tables.beacon,
        )
    )
    ticker, watchdog = clock.Ticker(known.kafka, app.assignment, ticks), Watchdog(app.assignment)

    async def serve() -> None:
        async with serving(known.http, health, metrics.registry) as url:
            log.info("serving", url=url)
            await asyncio.Event().wait()

    parts = (serve, ticker.run, watchdog.run, views.run, _follow_supervisor)
    app.companions = [_guarded(run_for_ever) for run_for_ever in parts]
    app.on_drained = lambda: views.flush(FLUSH_VIEWS_SECONDS)
    return app


def suppression_reasons() -> set[str]:
    """Every reason for silence: the arbiter's and the triggers' own."""
    return {*turn.REASONS, *(reason for one in trigger.load().values() for reason in one.quiet)}


def _app(known: settings.Settings) -> BatchApp:
    return BatchApp(
        topics.APP,
        broker=[f"kafka://{address}" for address in known.kafka.split(",")],
        store="memory://",
        Topic=BatchTopic,
        TableManager=TableManager,
        table_standby_replicas=0,  # a standby is assigned the changelog without the rest, and reads through Faust
        topic_partitions=topics.PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        broker_session_timeout=SESSION_TIMEOUT_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_request_timeout=REQUEST_TIMEOUT_SECONDS,
        broker_max_poll_interval=POLL_INTERVAL_MAX_SECONDS,
        stream_wait_empty=False,
    )


def _add_agent(app: BatchApp, topic: str) -> None:
    """An agent hands its topic's batches to their lanes; the lanes do the rest, in transactions."""

    async def agent(stream: Any) -> None:
        async for batch in stream:
            app.assignment.offer(batch)

    name = topic.replace("-", "_")
    app.agent(app.topic(topic, schema=faust.Schema(**RAW), partitions=topics.PARTITIONS, acks=False), name=name)(agent)


async def _follow_supervisor() -> None:
    """Stop cleanly when the process that started this one is gone: nobody would restart or stop it any more."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(LOOK_SECONDS)
    log.warning("supervisor_gone")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.Event().wait()


def _guarded(run_for_ever: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """A task whose failure ends the process: nobody would notice that it is gone."""

    async def task() -> None:
        with stop.on_failure(stop.Code.TASK_FAILED, "task_failed", task=run_for_ever.__qualname__):
            await run_for_ever()

    return task


def _ticks(said: str) -> clock.Clock:
    """The clock that `BELLWETHER_TICKS` names."""
    kind, _, allowance = said.partition(":")
    if kind in PLAIN_CLOCKS:
        return PLAIN_CLOCKS[kind]
    return clock.event_clock(msgspec.convert(allowance, timedelta))


def main() -> NoReturn:
    """One worker process, as the supervisor starts it."""
    faulthandler.enable()  # where a crash in native code was
    logs.set_up()
    try:
        known, ticks = settings.load(), _ticks(os.environ.get(settings.TICKS, "wall-clock"))
    except (settings.SettingsError, msgspec.ValidationError) as error:
        stop.at_once(stop.Code.MISCONFIGURED, "environment_refused", error=str(error))
    run(known, ticks)


if __name__ == "__main__":
    main()
