"""Whether the outputs were right, whether the driver kept its schedule, and the latencies. A wrong output has none."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median

from hdrh.histogram import HdrHistogram
from msgspec import Struct

from bench.latency.driver import DIGITS, LATE_US_MAX, Driven
from bench.latency.reader import Arrival

VOID_LATE_MS = 1.0  # the driver's own p99; above it the point says nothing
GROWTH_MAX = 0.02  # seconds of backlog a second: below it a rate counts as sustained
TICKS_PER_HALF = 5
NAMED = (50.0, 90.0, 99.0, 99.9)


class Distribution(Struct, frozen=True):
    """Latencies, in milliseconds, to three digits.

    Attributes:
        percentiles: of `NAMED`, in order.
        table: percentile, milliseconds, how many were at most that: HdrHistogram's own steps.
        encoded: the histogram itself, as every HdrHistogram library reads it; microseconds.
    """

    count: int
    mean_ms: float
    percentiles: list[float]
    max_ms: float
    table: list[tuple[float, float, int]]
    encoded: str

    def at(self, percentile: float) -> float:
        """One of the named percentiles."""
        return self.percentiles[NAMED.index(percentile)]


def distribution(values_us: Iterable[int]) -> Distribution | None:
    """Of these values, in whole microseconds; None if there are none."""
    histogram = HdrHistogram(1, LATE_US_MAX, DIGITS)
    for value in values_us:
        histogram.record_value(max(1, value))
    return _described(histogram)


def decoded(encoded: str) -> Distribution | None:
    """Of an encoded histogram."""
    return _described(HdrHistogram.decode(encoded.encode()))


def merged(some: Sequence[Distribution]) -> Distribution | None:
    """Of all of them together."""
    histogram = HdrHistogram(1, LATE_US_MAX, DIGITS)
    for one in some:
        histogram.add(HdrHistogram.decode(one.encoded.encode()))
    return _described(histogram)


def _described(histogram: HdrHistogram) -> Distribution | None:
    count = int(histogram.get_total_count())
    if not count:
        return None
    steps = histogram.get_percentile_iterator(TICKS_PER_HALF)
    return Distribution(
        count=count,
        mean_ms=round(histogram.get_mean_value() / 1000, 3),
        percentiles=[histogram.get_value_at_percentile(one) / 1000 for one in NAMED],
        max_ms=histogram.get_max_value() / 1000,
        table=[
            (round(one.percentile_level_iterated_to, 6), one.value_iterated_to / 1000, one.total_count_to_this_value)
            for one in steps
        ],
        encoded=histogram.encode().decode(),
    )


def problems(expected: Mapping[int, int], arrivals: Iterable[Arrival]) -> Iterator[str]:
    """What is wrong with the outputs, in words. `expected`: what the answer to each event that asks must say."""
    come: Counter[int] = Counter()
    wrong = 0
    for arrival in arrivals:
        come[arrival.number] += 1
        wrong += arrival.number in expected and arrival.detail != expected[arrival.number]
    foreign = sum(count for number, count in come.items() if number not in expected)
    repeated = sum(count - 1 for number, count in come.items() if number in expected)
    if missing := sum(number not in come for number in expected):
        yield f"{missing} of {len(expected)} outputs are missing"
    if repeated:
        yield f"{repeated} outputs came more than once"
    if foreign:
        yield f"{foreign} outputs are of no event that asks for one"
    if wrong:
        yield f"{wrong} outputs say something wrong of the customer's state"


def void(late: Distribution | None) -> str:
    """Why a point says nothing of the tested system; empty if it does."""
    if late is None:
        return "nothing was sent"
    if (late_ms := late.at(99.0)) > VOID_LATE_MS:
        return f"the driver itself was {late_ms:.1f} ms late at p99"
    return ""


def since_due_us(driven: Driven, arrivals: Iterable[Arrival], numbers: range) -> list[int]:
    """From when each of these events was due until a reader had its output."""
    due_ns = driven.schedule.due_ns
    return [(one.arrived_ns - due_ns(one.number)) // 1000 for one in arrivals if one.number in numbers]


def since_append_us(driven: Driven, arrivals: Iterable[Arrival], numbers: range) -> list[int]:
    """From when the broker had acknowledged each of these events until a reader had its output."""
    acked_ns = driven.acked_ns
    return [
        (one.arrived_ns - acked_ns[one.number]) // 1000
        for one in arrivals
        if one.number in numbers and one.number in acked_ns
    ]


def growth(seconds: Sequence[tuple[float, float]]) -> float:
    """How fast the backlog grows: seconds a second, of (when due, latency) pairs in any order; 0 for few.

    By the medians of the first and the last quarter, so that one pause doesn't count as growth.
    """
    ordered = sorted(seconds)
    size = len(ordered) // 4
    if not size:
        return 0.0
    (first_at, first), (last_at, last) = (
        (median(at for at, _ in some), median(latency for _, latency in some))
        for some in (ordered[:size], ordered[-size:])
    )
    return (last - first) / (last_at - first_at)


def first_seconds(driven: Driven, arrivals: Iterable[Arrival], since_ns: int) -> dict[int, float]:
    """By partition, from then until the first output of an event that was due after it."""
    due_ns, numbers = driven.schedule.due_ns, driven.schedule.numbers
    found: dict[int, float] = {}
    for one in arrivals:
        if one.number in numbers and due_ns(one.number) >= since_ns:
            seconds = (one.arrived_ns - since_ns) / 1e9
            found[one.partition] = min(seconds, found.get(one.partition, seconds))
    return found


def standstill_seconds(arrivals: Iterable[Arrival], since_ns: int, until_ns: int) -> dict[int, float]:
    """By partition, the longest time without an output between the last one before `since_ns` and `until_ns`."""
    moments: dict[int, list[int]] = {}
    for one in arrivals:
        moments.setdefault(one.partition, []).append(one.arrived_ns)
    found = {}
    for partition, some in sorted(moments.items()):
        before = max((at for at in some if at <= since_ns), default=since_ns)
        within = [before, *(at for at in sorted(some) if since_ns < at < until_ns), until_ns]
        found[partition] = max(later - earlier for earlier, later in pairwise(within)) / 1e9
    return found


def drained_seconds(driven: Driven, arrivals: Iterable[Arrival], since_ns: int) -> float:
    """From then until the last output that took more than twice as long as the slowest of the events due before."""
    due_ns = driven.schedule.due_ns
    ours = [one for one in arrivals if one.number in driven.schedule.numbers]
    calm_ns = max((one.arrived_ns - due_ns(one.number) for one in ours if one.arrived_ns <= since_ns), default=0)
    late = [one.arrived_ns for one in ours if one.arrived_ns - due_ns(one.number) > 2 * calm_ns]
    return max([since_ns, *late], default=since_ns) / 1e9 - since_ns / 1e9
