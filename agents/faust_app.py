"""The Faust app of a worker and the process around it: membership, agents that hand batches on, and the one table."""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import faust
import faust.streams
import uvloop

from agents import collector, settings, stop, transport
from agents.access import KafkaAccess
from agents.accounting import Instruments
from agents.assignment import Assignment
from agents.assignor import Assignor
from agents.pipeline import Stages
from agents.shares import GROWTH_SEEN_MS_MAX
from agents.transport import BatchApp, BatchTopic, CustomerTable, TableManager

SESSION_TIMEOUT_SECONDS = 6
HEARTBEAT_SECONDS = 1
REQUEST_TIMEOUT_SECONDS = 40
POLL_INTERVAL_MAX_SECONDS = 10 * 86_400.0  # a worker without partitions must not be thrown out of its group
SWITCH_INTERVAL_SECONDS = 0.0005  # Faust's membership thread shares the GIL: 5 ms a hand-over would add up
RAW = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}


def run(build: Callable[[], BatchApp]) -> NoReturn:
    """Run the app that this makes until SIGTERM; exits 0 after a clean stop, else with a code of `stop.Code`."""
    if faust.streams._CStreamIterator is None:  # noqa: SLF001 - its slow twin acknowledges what it skips
        stop.at_once(stop.Code.MISCONFIGURED, "faust_without_cython", hint="install the wheel, unset NO_CYTHON")
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    collector.relax()
    # Ours alone is uvloop's. Faust's membership thread is stopped across threads in ways that Python's own loop
    # forgives, and that crashed uvloop's: exit by SIGSEGV after SIGTERM, seen twice in the fault suite.
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(
        build(), loop=loop, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None
    logging.getLogger(transport.__name__).setLevel(logging.WARNING)  # Faust's services report under their subclass
    sys.exit(worker.execute_from_commandline())


def batch_app(kafka: str, stages: Stages, instruments: Instruments) -> BatchApp:
    """An app whose agents hand the batches of all topics that the stages read to their lanes."""
    app = BatchApp(
        stages.group,
        broker=[f"kafka://{address}" for address in kafka.split(",")],
        broker_credentials=_credentials(settings.load().kafka_access),
        store="memory://",
        Topic=BatchTopic,
        TableManager=TableManager,
        PartitionAssignor=Assignor,
        table_standby_replicas=0,  # a standby is assigned the changelog without the rest, and reads through Faust
        topic_partitions=stages.partitions,  # of what Faust itself would make: nothing
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        broker_session_timeout=SESSION_TIMEOUT_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_request_timeout=REQUEST_TIMEOUT_SECONDS,
        broker_max_poll_interval=POLL_INTERVAL_MAX_SECONDS,
        consumer_metadata_max_age_ms=GROWTH_SEEN_MS_MAX,
        stream_wait_empty=False,
    )
    app.assignment = Assignment(kafka, stages, instruments)
    app.prepare = _nothing
    for topic in stages.topics:
        _add_agent(app, topic)
    table = stages.changelog.removeprefix(f"{stages.group}-").removesuffix("-changelog")  # Faust puts these around it
    schema = faust.Schema(**RAW)
    app.tables.add(
        CustomerTable(app, name=table, schema=schema, partitions=stages.partitions, beacon=app.tables.beacon)
    )
    return app


def _credentials(access: KafkaAccess) -> Any:
    """How Faust's own consumer, the one of the group, gets in; None: as anybody, without TLS."""
    options = access.options()
    context = options.get("ssl_context")
    if access.has_sasl:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=access.mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


async def _nothing() -> None:
    """What most apps need before they start."""


def _add_agent(app: BatchApp, topic: str) -> None:
    """An agent hands its topic's batches to their lanes; the lanes do the rest, in transactions."""

    async def agent(stream: Any) -> None:
        async for batch in stream:
            app.assignment.offer(batch)

    name = topic.replace("-", "_")
    app.agent(app.topic(topic, schema=faust.Schema(**RAW), acks=False), name=name)(agent)
