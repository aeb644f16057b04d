"""One worker process, wired: the only place where the parts meet."""

import asyncio
import faulthandler
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import NoReturn

import msgspec
import structlog

from agents import access_check, clock, drains, faust_app, logs, settings, sources, stop
from agents.accounting import Instruments
from agents.config_parts import ConfigError
from agents.health import Health, serving
from agents.map_topics import MapTopics
from agents.metrics import Metrics
from agents.pipeline import Pipeline
from agents.state_file import StateFile
from agents.transport import BatchApp
from agents.views import Views
from agents.watchdog import Watchdog
from streams import dead_letters, trigger, turn
from streams.drain import Limits
from streams.sources import Sources
from streams.view import describe

log = structlog.get_logger("agents.worker")  # also where this module is run as __main__
FLUSH_VIEWS_SECONDS = 2.0
LOOK_SECONDS = 1.0
PLAIN_CLOCKS = {"wall-clock": clock.wall_clock, "none": clock.no_clock}


def run(known: settings.Settings, ticks: clock.Clock, limits: Limits | None, read: Sources) -> NoReturn:
    """Run one worker until SIGTERM; exits 0 after a clean stop, else with a code of `stop.Code`."""
    faust_app.run(lambda: build(known, ticks, limits, read))


def build(known: settings.Settings, ticks: clock.Clock, limits: Limits | None, read: Sources) -> BatchApp:
    """The Faust app with its agents, its table and its tasks; `read` are the sources."""
    metrics = Metrics(dead_letters.REASONS, suppression_reasons(), read.names)
    metrics.build.show(version("bellwether"))
    views = Views(known.redis, describe, metrics)

    def kafka_quiet_seconds() -> float:
        return float(app.assignment.quiet_seconds())

    health = Health(redis_ok=lambda: not views.breaker_open, kafka_quiet_seconds=kafka_quiet_seconds)
    instruments = Instruments(metrics, health)
    maps = MapTopics(known.kafka, read.fed, log.warning)
    new_table = partial(StateFile, known.state_directory) if known.state_directory else dict
    pipeline = Pipeline(views, instruments, limits, read, maps if read.fed else None, new_table=new_table)
    app = faust_app.batch_app(known.kafka, pipeline, instruments)
    ticker = clock.Ticker(known.kafka, app.assignment.recovered, pipeline.works, ticks)
    watchdog = Watchdog(app.assignment)

    async def serve() -> None:
        async with serving(known.http, health, metrics.registry) as url:
            log.info("serving", url=url)
            await asyncio.Event().wait()

    parts = (serve, ticker.run, watchdog.run, views.run, _follow_supervisor)
    app.prepare = _prepared(maps)
    app.companions = [_guarded(run_for_ever) for run_for_ever in parts]
    app.on_drained = lambda: asyncio.gather(views.flush(FLUSH_VIEWS_SECONDS), maps.stop())
    return app


def _prepared(maps: MapTopics) -> Callable[[], Awaitable[None]]:
    """Reads the maps that topics feed, if there are any."""

    async def prepare() -> None:
        with stop.on_failure(stop.Code.TASK_FAILED, "maps_not_read"):
            await maps.start()
        if counts := maps.counts():
            log.info("maps_read", entries=counts)

    return prepare


def suppression_reasons() -> set[str]:
    """Every reason for silence: the arbiter's and the triggers' own."""
    return {*turn.REASONS, *(reason for one in trigger.load().values() for reason in one.quiet)}


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
        limits = drains.limits(os.environ.get(settings.DEAD_LETTERS, ""))
        read = sources.load(known.config)
    except ConfigError as error:
        stop.at_once(stop.Code.MISCONFIGURED, "sources_refused", error=str(error), hint="bellwether config check")
    except (settings.SettingsError, msgspec.ValidationError) as error:
        stop.at_once(stop.Code.MISCONFIGURED, "environment_refused", error=str(error))
    try:
        asyncio.run(access_check.require(known, read))
    except access_check.AccessRefusedError as error:
        stop.at_once(stop.Code.ACCESS_REFUSED, "access_refused", error=str(error))
    code = 0
    try:
        run(known, ticks, limits, read)
    except SystemExit as ended:
        code = int(ended.code or 0)
    logging.shutdown()
    os._exit(code)  # Faust's thread goes on for ever where the broker is away; all else is done


if __name__ == "__main__":
    main()
