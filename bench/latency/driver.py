"""The driver, a process of its own: sends each event when it is due and never waits for anybody.

`python -m bench.latency.driver` reads its order as JSON from stdin and writes what it did to stdout. The client sends
in a thread that needs no Python, so a slow broker or a slow acknowledgement never holds up the schedule.
"""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
from confluent_kafka import KafkaError, Message, Producer
from hdrh.histogram import HdrHistogram
from msgspec import Struct

from bench.latency.jobs import AnyJob
from bench.latency.schedule import NS, Schedule

LEAD_SECONDS = 0.2
SLACK_NS = 50_000  # time enough to look after acknowledgements
WAIT_NS_MIN = 1_500_000  # waits for them are counted in whole milliseconds, and must not make the next event late
TOGETHER_NS = 500_000  # what falls due so soon after a wait is sent with the next: waking up costs more than sending
ACKNOWLEDGED_EVERY = 16  # events: where there never is time, they are looked after all the same
FLUSH_SECONDS_MAX = 300.0
METADATA_SECONDS = 20.0
LATE_US_MAX = 3_600_000_000
DIGITS = 3


class Order(Struct, frozen=True):
    """What to send."""

    kafka: str
    job: AnyJob
    per_second: float
    first: int
    count: int


class Driven(Struct):
    """What was sent.

    Attributes:
        late: how late each event was handed to the client, in microseconds: an encoded HdrHistogram.
        acked_ns: when the broker had acknowledged it, of the events that ask.
        failed: what the broker or the client refused, in words.
        is_quick: whether the driver ran before others.
    """

    schedule: Schedule
    late: str
    acked_ns: dict[int, int]
    failed: list[str]
    is_quick: bool


def be_quick() -> bool:
    """Let this thread, and those that it makes, run before others; False where that isn't allowed.

    The driver and the reader stand for other machines, so the tested system mustn't hold them up.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_RR, os.sched_param(1))
        return True
    return False


class Driver:
    """One order, carried out. Make it after `be_quick`: the client's threads run as quickly as their maker."""

    def __init__(self, order: Order, *, is_quick: bool) -> None:
        self._order = order
        self._is_quick = is_quick
        self._acked: dict[int, int] = {}
        self._failed: set[str] = set()
        self._late = HdrHistogram(1, LATE_US_MAX, DIGITS)
        self._producer = Producer(
            {
                "bootstrap.servers": order.kafka,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 10_000_000,
                "queue.buffering.max.kbytes": 2_000_000,
                "message.timeout.ms": int(FLUSH_SECONDS_MAX * 1000),
                "reconnect.backoff.ms": 10,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,  # that the broker is away is part of the test
                "error_cb": lambda _: None,
            }
        )

    def drive(self) -> Driven:
        """Send everything."""
        order = self._order
        self._producer.list_topics(order.job.source, METADATA_SECONDS)
        gc.collect()
        gc.disable()
        schedule = Schedule(time.monotonic_ns() + int(LEAD_SECONDS * NS), order.per_second, order.first, order.count)
        self._send_all(schedule)
        left = self._producer.flush(FLUSH_SECONDS_MAX)
        if left:
            self._failed.add(f"{left} events were never acknowledged")
        return Driven(schedule, self._late.encode().decode(), self._acked, sorted(self._failed), self._is_quick)

    def _send_all(self, schedule: Schedule) -> None:
        job, produce, poll = self._order.job, self._producer.produce, self._producer.poll
        source, monotonic_ns, record_late = job.source, time.monotonic_ns, self._late.record_value
        wall_ns, woken_ns = time.time_ns() - monotonic_ns(), 0
        for number in schedule.numbers:
            due_ns = schedule.due_ns(number)
            key, value = job.record(number, (wall_ns + due_ns) // 1_000_000)
            while (left_ns := due_ns - monotonic_ns()) > WAIT_NS_MIN:
                poll((left_ns - WAIT_NS_MIN / 2) / NS)  # returns with each, whose age is told by when it is seen
            if left_ns > SLACK_NS or number % ACKNOWLEDGED_EVERY == 0:
                poll(0)
            if due_ns > monotonic_ns():
                woken_ns = max(due_ns, woken_ns + TOGETHER_NS)
                time.sleep(max(0, woken_ns - monotonic_ns()) / NS)
            if job.asks(number):
                produce(source, value, key, on_delivery=self._noter(number, monotonic_ns()))
            else:
                produce(source, value, key)
            record_late(max(1, (monotonic_ns() - due_ns) // 1000))

    def _noter(self, number: int, sent_ns: int) -> Callable[[KafkaError | None, Message], None]:
        def note(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self._acked[number] = sent_ns + int((message.latency() or 0.0) * NS)
            else:
                self._failed.add(str(error))

        return note


def main() -> None:
    """Carry out the order that is on stdin."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(Driver(order, is_quick=be_quick()).drive()))


if __name__ == "__main__":
    main()
