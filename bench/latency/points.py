"""One rate after another on a running system; and the highest rate at which its backlog doesn't grow."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from bench import page
from bench.latency import judging
from bench.latency.driver import Driven, Order
from bench.latency.judging import Distribution
from bench.latency.reader import Arrival, Reader
from bench.latency.sites import Site

WAKE_PER_SECOND, WAKE_EVENTS, WAKE_QUIET_SECONDS_MAX = 200.0, 1_000, 120.0
QUIET_SECONDS_MAX = 30.0
RATE_MIN, RATE_MAX = 250.0, 512_000.0
PRECISION = 1.1
DRIVER = (sys.executable, "-m", "bench.latency.driver")


class Point(Struct, frozen=True):
    """One rate. It says nothing where `problems` (of the outputs) or `void` (of the driver) give a reason.

    Attributes:
        seconds: how long was measured, after the warm-up.
        since_due: from when an event was due until a `read_committed` consumer had its output.
        since_append: the same from when the broker had acknowledged the event.
        driver_late: how late events were handed to the client.
        driver_is_quick: whether the driver could run before others.
        backlog_growth: seconds a second.
        system_cores: how many cores the tested system used in the mean, broker_cores the broker.
    """

    per_second: float
    seconds: float
    events: int
    since_due: Distribution | None
    since_append: Distribution | None
    driver_late: Distribution | None
    driver_is_quick: bool
    backlog_growth: float
    system_cores: float
    broker_cores: float
    load: float
    problems: list[str]
    void: str


class Range(Struct):
    """A running system with its reader, and the number of the next event."""

    site: Site
    reader: Reader
    next: int = 0

    def wake(self) -> None:
        """Return when it answers: its members have joined, its code is loaded.

        Raises:
            RuntimeError: it gives no answer, or wrong ones.
        """
        driven = self.drive(WAKE_PER_SECOND, WAKE_EVENTS)
        self.answered(driven, WAKE_QUIET_SECONDS_MAX)
        if wrong := self.problems(driven):
            raise RuntimeError(f"{self.site.name}: {'; '.join(wrong)}")

    def drive(self, per_second: float, count: int) -> Driven:
        """Send so many events at that rate."""
        order = Order(self.site.servers.kafka, self.site.job, per_second, self.next, count)
        self.next += count
        with driving(order) as driver:
            return driven(driver)

    def answered(self, one: Driven, quiet_seconds_max: float = QUIET_SECONDS_MAX) -> None:
        """Return when everything is answered that asks, or nothing comes any more."""
        asking = filter(self.site.job.asks, one.schedule.numbers)
        self.reader.until_answered(asking, quiet_seconds_max, self.site.require_running)

    def arrivals(self, one: Driven) -> list[Arrival]:
        """The outputs about these events, and those that are of none."""
        return [
            arrival for arrival in self.reader.arrivals if arrival.number in one.schedule.numbers or arrival.number < 0
        ]

    def problems(self, one: Driven) -> list[str]:
        """What is wrong with the outputs."""
        expected = self.site.job.details(one.schedule.numbers)
        return [*one.failed, *judging.problems(expected, self.arrivals(one))]

    def point(self, per_second: float, warm_seconds: float, seconds: float) -> Point:
        """Measure one rate; the warm-up is sent at the same rate and thrown away."""
        warm, count = round(per_second * warm_seconds), round(per_second * seconds)
        before = self.site.cpu()
        one = self.drive(per_second, warm + count)
        after = self.site.cpu()
        self.answered(one)
        self.site.require_running()
        lasted = (warm + count) / per_second
        numbers = range(one.schedule.first + warm, one.schedule.first + warm + count)
        return _judged(
            self, one, numbers, [(later - sooner) / lasted for sooner, later in zip(before, after, strict=True)]
        )

    def is_sustained(self, per_second: float, seconds: float) -> bool:
        """Whether the backlog doesn't grow at this rate, and the driver itself keeps up with it."""
        point = self.point(per_second, 0.0, seconds)
        return not point.problems and not point.void and point.backlog_growth < judging.GROWTH_MAX


@contextmanager
def ranging(site: Site) -> Iterator[Range]:
    """A site with a reader, awake."""
    reader = Reader(site.servers.kafka, site.job)
    reader.start()
    try:
        one = Range(site, reader)
        one.wake()
        yield one
    finally:
        reader.stop()


@contextmanager
def driving(order: Order) -> Iterator["subprocess.Popen[bytes]"]:
    """A driver process under way; killed if it isn't waited for."""
    with subprocess.Popen(DRIVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:  # noqa: S603 - our own
        assert driver.stdin is not None  # noqa: S101 - for the type checker: it was asked for
        driver.stdin.write(msgspec.json.encode(order))
        driver.stdin.close()
        try:
            yield driver
        finally:
            driver.kill()


def driven(driver: "subprocess.Popen[bytes]") -> Driven:
    """Wait for the driver, and read what it did."""
    assert driver.stdout is not None  # noqa: S101 - for the type checker: it was asked for
    return msgspec.json.decode(driver.stdout.read(), type=Driven)


def _judged(one: Range, sent: Driven, numbers: range, cores: list[float]) -> Point:
    arrivals, late = one.arrivals(sent), judging.decoded(sent.late)
    problems = one.problems(sent)
    due_ns = sent.schedule.due_ns
    pairs = [(due_ns(a.number) / 1e9, (a.arrived_ns - due_ns(a.number)) / 1e9) for a in arrivals if a.number in numbers]
    return Point(
        per_second=sent.schedule.per_second,
        seconds=len(numbers) / sent.schedule.per_second,
        events=len(numbers),
        since_due=judging.distribution(judging.since_due_us(sent, arrivals, numbers)) if not problems else None,
        since_append=judging.distribution(judging.since_append_us(sent, arrivals, numbers)) if not problems else None,
        driver_late=late,
        driver_is_quick=sent.is_quick,
        backlog_growth=round(judging.growth(pairs), 4),
        system_cores=round(cores[0], 3),
        broker_cores=round(cores[1], 3),
        load=page.load_average(),
        problems=problems,
        void=judging.void(late),
    )


def sustainable(is_sustained: Callable[[float], bool], begin: float) -> float:
    """The highest rate that is sustained, to a tenth; 0 if none from `RATE_MIN` on is. Doubles, then bisects."""
    low, high = 0.0, begin
    while high <= RATE_MAX and is_sustained(high):
        low, high = high, high * 2
    while not low and high > RATE_MIN:
        if is_sustained(high / 2):
            low = high / 2
        else:
            high /= 2
    while low and high / low > PRECISION:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if is_sustained(middle) else (low, middle)
    return low
