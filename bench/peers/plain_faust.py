"""Faust as its guide shows it: `Record`, one event at a time, a table with a changelog.

At-least-once is all that it offers. Its own `exactly_once` isn't used: it ties output, table and input position
together only for topics that the app consumes itself.
"""

import os
import signal

import faust
import faust.streams

from bench.peers import jobs
from bench.peers.meter import Meter, parser, state_dir

PROGRAM = "plain-faust"
parsed = parser(PROGRAM, ("at-least-once",))
parsed.option("--store", "memory", ("memory", "rocksdb"), help="of the table")
parsed.option("--buffer", 4096, help="stream_buffer_maxsize")
parsed.option("--poll", 500, help="broker_max_poll_records")
options = parsed.parse_args()
meter = Meter(PROGRAM, options)

if faust.streams._CStreamIterator is None:  # noqa: SLF001 - the only place that tells
    raise SystemExit("Faust's compiled parts are missing: it would be slower than it is.")

app = faust.App(
    options.group,
    broker=f"kafka://{options.broker}",
    store=f"{options.store}://",
    datadir=state_dir(options),
    topic_partitions=options.partitions,
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=options.commit_ms / 1000,
    broker_max_poll_records=options.poll,
    stream_buffer_maxsize=options.buffer,
    producer_acks=-1,
    web_enabled=False,
    worker_redirect_stdouts=False,
)


class Purchase(faust.Record, serializer="json"):  # type: ignore[call-arg]  # Faust ships no types that are followed
    """A source record."""

    transaction_id: str
    customer_id: str
    card_id: str
    amount_minor: int
    currency: str
    merchant_id: str
    mcc: str
    channel: str
    country: str
    occurred_at: int


source = app.topic(options.topic, value_type=Purchase, partitions=options.partitions)
outputs = app.topic(options.out, partitions=options.partitions)


async def stop() -> None:
    """A clean stop after the last event: flush, commit, leave the group."""
    await app.producer.flush()  # the stop's own flush gives up after 0.1 s
    os.kill(os.getpid(), signal.SIGTERM)


async def pass_on(purchases: faust.StreamT[Purchase]) -> None:
    """J0."""
    async for purchase in purchases:
        if jobs.large_only(purchase.amount_minor):
            meter.outputs += 1
            await outputs.send(key=purchase.customer_id, value=purchase.asdict())
        if meter.tick():
            await stop()


def with_state(job: jobs.Job):  # type: ignore[no-untyped-def]  # noqa: ANN201 - an agent's function is what Faust takes
    """The other jobs, over a table."""
    # Faust's windows go by Kafka's timestamp and drop by the wall clock: exact event time needs a plain table.
    states = app.Table(
        "states",
        default=job.new_state,
        partitions=options.partitions,
        options={"driver": "rocksdict"} if options.store == "rocksdb" else None,
    )

    async def decide(purchases: faust.StreamT[Purchase]) -> None:
        keyed = purchases.group_by(Purchase.customer_id) if options.job == "j1p" else purchases
        async for purchase in keyed:
            amount, at_ms = purchase.amount_minor, purchase.occurred_at
            if not job.skips(amount):
                key = job.state_key(purchase.customer_id, at_ms)
                state = states[key]
                output = job.decide(
                    state, purchase.customer_id, purchase.card_id, purchase.transaction_id, amount, at_ms
                )
                if job.changes(amount, output):
                    states[key] = state
                if output is not None:
                    meter.outputs += 1
                    await outputs.send(key=purchase.customer_id, value=output)
            if meter.tick():
                await stop()

    return decide


app.agent(source, name="decide")(pass_on if options.job == jobs.STATELESS else with_state(jobs.STATEFUL[options.job]))

if __name__ == "__main__":
    app.finalize()
    try:
        faust.Worker(app, loglevel="WARN").execute_from_commandline()
    finally:
        meter.finish()
