"""What librdkafka alone can do: consume in batches, decode, and the job on a dict. A bound, not a competitor.

No changelog and no guarantee.
"""

from confluent_kafka import Consumer, KafkaException, Producer

from bench.peers import bare
from bench.peers.meter import Meter, parser

PROGRAM = "bare-confluent"


def main() -> None:
    """Read the topic to its end."""
    parsed = parser(PROGRAM, ("none",), bare.NAMES)
    parsed.option("--batch", 2000, help="messages a consume returns at most")
    options = parsed.parse_args()
    meter = Meter(PROGRAM, options)
    consumer = Consumer(
        {
            "bootstrap.servers": options.broker,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    producer = Producer({"bootstrap.servers": options.broker, "enable.idempotence": True, "acks": "all"})
    consumer.subscribe([options.topic])
    apply = bare.applied(options.job)
    done = False
    while not done:
        messages = consumer.consume(options.batch, 1.0)
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            output = apply(message.value())
            if output is not None:
                meter.outputs += 1
                producer.produce(options.out, output, key=message.key(), partition=message.partition())
        producer.poll(0)
        done = bool(messages) and meter.tick(len(messages))
    producer.flush()
    consumer.commit(asynchronous=False)
    consumer.close()
    meter.finish()


if __name__ == "__main__":
    main()
