"""Bytewax: a stateful flat map with a recovery store. Its options come from the environment, as `BENCH_JOB`.

Exactly-once isn't offered, since its Kafka sink knows no transactions. The flow ends at the end of the topic.
"""

import atexit
from collections.abc import Iterable

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow, Stream

from bench.peers import jobs
from bench.peers.meter import Meter, parser

PROGRAM = "bytewax"
options = parser(PROGRAM, ("at-least-once", "none")).parse_args([])
meter = Meter(PROGRAM, options)
atexit.register(meter.finish)
decode = jobs.purchase_decoder()


def pass_on(message: KafkaSinkMessage) -> KafkaSinkMessage | None:
    """J0."""
    large = jobs.large_only(decode(message.value).amount_minor)
    meter.outputs += large
    meter.tick()
    return KafkaSinkMessage(message.key, message.value) if large else None


def with_state(job: jobs.Job, source: Stream[KafkaSinkMessage]) -> Stream[KafkaSinkMessage]:
    """The other jobs, keyed by whose state it is."""

    def keyed(message: KafkaSinkMessage) -> tuple[str, jobs.Purchase]:
        purchase = decode(message.value)
        return job.state_key(purchase.customer_id, purchase.occurred_at), purchase

    def decide(state: jobs.State | None, purchase: jobs.Purchase) -> tuple[jobs.State | None, Iterable[jobs.Output]]:
        amount = purchase.amount_minor
        outputs: Iterable[jobs.Output] = ()
        if not job.skips(amount):
            state = state or job.new_state()
            customer, card, at_ms = purchase.customer_id, purchase.card_id, purchase.occurred_at
            output = job.decide(state, customer, card, purchase.transaction_id, amount, at_ms)
            if output is not None:
                meter.outputs += 1
                outputs = (output,)
        meter.tick()
        return state, outputs

    def message(item: tuple[str, jobs.Output]) -> KafkaSinkMessage:
        output = item[1]
        return KafkaSinkMessage(output["customer_id"].encode(), orjson.dumps(output))

    return op.map("message", op.stateful_flat_map("decide", op.map("keyed", source, keyed), decide), message)


flow = Dataflow("bench")
purchases = op.input("source", flow, KafkaSource([options.broker], [options.topic], tail=False, batch_size=2000))
if options.job == jobs.STATELESS:
    found = op.filter_map("decide", purchases, pass_on)
else:
    found = with_state(jobs.STATEFUL[options.job], purchases)
op.output("outputs", found, KafkaSink([options.broker], options.out, {"acks": "all", "partitioner": "murmur2_random"}))
