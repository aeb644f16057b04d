"""Quix Streams: a stateful apply over RocksDB state with a changelog topic."""

from typing import Any

from quixstreams import Application
from quixstreams.state import State

from bench.peers import jobs
from bench.peers.meter import Meter, parser, state_dir

PROGRAM = "quix"


def main() -> None:
    """Read the topic to its end."""
    options = parser(PROGRAM, ("at-least-once", "exactly-once")).parse_args()
    meter = Meter(PROGRAM, options)
    app = Application(
        broker_address=options.broker,
        consumer_group=options.group,
        auto_offset_reset="earliest",  # as shipped: latest
        commit_interval=options.commit_ms / 1000,  # as shipped: 5 s
        processing_guarantee=options.guarantee,
        state_dir=state_dir(options),
        producer_extra_config={"acks": "all"},
        loglevel="WARNING",
    )
    source = app.dataframe(app.topic(options.topic, value_deserializer="json"))
    if options.job == "j1p":
        source = source.group_by("customer_id")

    def counted(output: Any) -> Any:
        meter.outputs += output is not None
        if meter.tick():
            app.stop()  # what is pending is committed before run() returns
        return output

    if options.job == jobs.STATELESS:
        outputs = source.apply(
            lambda purchase: counted(purchase if jobs.large_only(purchase["amount_minor"]) else None)
        )
    else:
        decide = decider(jobs.STATEFUL[options.job])
        outputs = source.apply(lambda purchase, state: counted(decide(purchase, state)), stateful=True)
    outputs.filter(lambda output: output is not None).to_topic(app.topic(options.out, value_serializer="json"))
    app.run()
    meter.finish()


def decider(job: jobs.Job):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the type of a Quix callback says nothing
    """The job on a decoded purchase and the state that Quix keeps for its key."""

    def decide(purchase: dict[str, Any], states: State) -> jobs.Output | None:
        amount, customer, at_ms = purchase["amount_minor"], purchase["customer_id"], purchase["occurred_at"]
        if job.skips(amount):
            return None
        key = job.state_key(customer, at_ms)
        state = states.get(key) or job.new_state()
        output = job.decide(state, customer, purchase["card_id"], purchase["transaction_id"], amount, at_ms)
        if job.changes(amount, output):
            states.set(key, state)
        return output

    return decide


if __name__ == "__main__":
    main()
