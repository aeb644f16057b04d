"""What the asyncio client alone can do: read, decode, and the job on a dict. A bound, not a competitor.

No changelog and no guarantee.
"""

import argparse
import asyncio

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.peers import bare
from bench.peers.meter import Meter, parser

PROGRAM = "bare-aiokafka"


async def run(options: argparse.Namespace) -> None:
    """Read the topic to its end."""
    meter = Meter(PROGRAM, options)
    consumer = AIOKafkaConsumer(
        options.topic,
        bootstrap_servers=options.broker,
        group_id=options.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(bootstrap_servers=options.broker, acks="all", enable_idempotence=True)
    await producer.start()
    await consumer.start()
    await process(options, meter, consumer, producer)
    await producer.flush()
    await consumer.commit()
    await consumer.stop()
    await producer.stop()
    meter.finish()


async def process(
    options: argparse.Namespace, meter: Meter, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer
) -> None:
    """Fetch by fetch."""
    apply = bare.applied(options.job)
    done = False
    while not done:
        for place, messages in (await consumer.getmany(timeout_ms=1000, max_records=options.batch)).items():
            for message in messages:
                output = apply(message.value)
                if output is not None:
                    meter.outputs += 1
                    # The input's partition is the right one: no murmur2 in Python for each record.
                    await producer.send(options.out, output, key=message.key, partition=place.partition)
            done = meter.tick(len(messages)) or done


def main() -> None:
    """Run once."""
    options = parser(PROGRAM, ("none",), bare.NAMES)
    options.option("--batch", 5000, help="records a getmany returns at most")
    options.option("--loop", "uvloop", ("uvloop", "asyncio"))
    chosen = options.parse_args()
    (uvloop.run if chosen.loop == "uvloop" else asyncio.run)(run(chosen))


if __name__ == "__main__":
    main()
