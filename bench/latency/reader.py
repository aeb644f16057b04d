"""The reader: committed outputs, each with the moment at which a consumer had it."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from bench.latency.driver import METADATA_SECONDS, be_quick
from bench.latency.jobs import AnyJob

POLL_SECONDS = 0.1
LOOK_SECONDS = 0.1
DOUBLES_SECONDS = 0.5  # an output that comes twice does so right after the first


class Arrival(NamedTuple):
    """An output: the event it is about (-1: of none), what it says, its partition, and when a reader had it."""

    number: int
    detail: int
    partition: int
    arrived_ns: int


class Reader:
    """Reads an output topic from its beginning, in a thread, as a `read_committed` consumer."""

    def __init__(self, kafka: str, job: AnyJob) -> None:
        self.arrivals: list[Arrival] = []
        self._kafka = kafka
        self._job = job
        self._stopping = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self._thread.join()

    def until_answered(
        self, numbers: Iterable[int], quiet_seconds_max: float, require_running: Callable[[], None]
    ) -> None:
        """Return when there is an output for each of these events, or nothing came for so long."""
        missing, looked_at = set(numbers), 0
        quiet_since = time.monotonic()
        while missing and time.monotonic() - quiet_since < quiet_seconds_max:
            if self._failed is not None:
                raise self._failed
            come = self.arrivals[looked_at:]
            looked_at += len(come)
            if come:
                quiet_since = time.monotonic()
                missing.difference_update(one.number for one in come)
            else:
                require_running()
                time.sleep(LOOK_SECONDS)
        time.sleep(DOUBLES_SECONDS)

    def _run(self) -> None:
        try:
            be_quick()  # before the client makes its threads
            consumer = self._consumer()
            while not self._stopping.is_set():
                self._take(consumer)
            consumer.close()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for outputs
            self._failed = error

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self._kafka,
                "group.id": "bench-latency",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
                "reconnect.backoff.ms": 10,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,  # that the broker is away is part of the test
                "error_cb": lambda _: None,
            }
        )
        known = consumer.list_topics(self._job.output, METADATA_SECONDS).topics[self._job.output].partitions
        consumer.assign([TopicPartition(self._job.output, number, OFFSET_BEGINNING) for number in known])
        return consumer

    def _take(self, consumer: Consumer) -> None:
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            return
        arrived_ns = time.monotonic_ns()
        error = message.error()
        if error is not None:
            if error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise KafkaException(error)
            return  # the broker is away: the client tries again
        answer = self._job.read(message.value() or b"")
        number, detail = answer if answer is not None else (-1, 0)
        self.arrivals.append(Arrival(number, detail, message.partition() or 0, arrived_ns))
