"""The latency benchmark itself: schedule, matching, the void rule, statistics; and one tiny real run."""

import time
from collections.abc import Iterable

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from agents import config_files, settings
from agents.currencies import CURRENCIES
from bench import page, report
from bench.latency import judging, points, sites
from bench.latency import report as latency_report
from bench.latency.driver import DIGITS, LATE_US_MAX, Driven
from bench.latency.jobs import Answer, AnyJob, OneStage, Pipeline
from bench.latency.judging import distribution
from bench.latency.points import Point
from bench.latency.reader import Arrival
from bench.latency.schedule import NS, Schedule
from streams import topics
from streams.config_diff import differences
from streams.events import CardTransaction
from streams.intake import Reader

PIPELINE = Pipeline(tag="t", customers=100, ask_every=20)
ONE_STAGE = OneStage(tag="t", customers=100, ask_every=20, source="in", output="out")


def arrivals(*numbers: int, after_ns: int = 0, partition: int = 0) -> list[Arrival]:
    return [Arrival(number, 0, partition, after_ns) for number in numbers]


def driven(count: int = 100, *, late_us: Iterable[int] = (1,), acked_ns: dict[int, int] | None = None) -> Driven:
    """One event a second from second 10 on."""
    late = HdrHistogram(1, LATE_US_MAX, DIGITS)
    for value in late_us:
        late.record_value(value)
    return Driven(Schedule(10 * NS, 1.0, 0, count), late.encode().decode(), acked_ns or {}, [], is_quick=True)


def test_the_load_is_not_held_as_a_trigger_that_runs_away() -> None:
    shipped = config_files.load(settings.PACKAGED_CONFIG)
    (only,) = differences(shipped, sites.rules())
    assert only.path == "policy.runaway.fraud.floor"


def test_events_are_due_at_an_even_pace_however_many_there_were() -> None:
    schedule = Schedule(5 * NS, 3.0, 1_000_000, 7)
    assert [schedule.due_ns(number) for number in (1_000_000, 1_000_001, 1_000_003)] == [5 * NS, 5_333_333_333, 6 * NS]
    assert schedule.numbers == range(1_000_000, 1_000_007)


@pytest.mark.parametrize("job", [PIPELINE, ONE_STAGE])
def test_one_event_in_so_many_asks(job: AnyJob) -> None:
    assert [number for number in range(60) if job.asks(number)] == [10, 30, 50]
    assert list(job.details(range(20, 60))) == [30, 50]


def test_the_intake_can_read_what_the_driver_sends() -> None:
    topic = next(one for one in topics.SOURCES if one.name == PIPELINE.source)
    for number in (0, 1, 10):
        event = Reader(topic, CURRENCIES).read(PIPELINE.record(number, 1_700_000_000_000)[1], 1_700_000_000_000)
        assert isinstance(event, CardTransaction)
        assert event.id == f"t-{number}"


def test_a_test_purchase_and_the_large_one_are_of_one_card() -> None:
    small, large = (msgspec.json.decode(PIPELINE.record(number, 0)[1]) for number in (40, 50))
    assert (small["card"], small["customer"]) == (large["card"], large["customer"])
    assert (small["amount_minor"], large["amount_minor"]) == (199, 90_050)


def action(**changed: object) -> bytes:
    known = msgspec.json.decode(PIPELINE.record(50, 0)[1])
    subject = {"card": known["card"], "transaction": known["id"]}
    value = {"action": "verify_with_cardholder", "customer": known["customer"], "subject": subject}
    return msgspec.json.encode(value | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "escalate"},
        {"customer": "customer-0000001"},
        {"subject": {"card": "tested-2", "transaction": "t-51"}},
        {"subject": {"card": "tested-2", "transaction": "u-50"}},
        {"subject": {"card": "tested-3", "transaction": "t-50"}},
        {"subject": 7},
    ],
)
def test_an_action_about_anything_else_is_no_answer(changed: dict[str, object]) -> None:
    assert PIPELINE.read(action()) == Answer(50)
    assert PIPELINE.read(action(**changed)) is None


def alert(**changed: object) -> bytes:
    sent = [msgspec.json.decode(ONE_STAGE.record(number, 0)[1]) for number in (40, 50)]
    value = {name: sent[1][name] for name in ("customer_id", "card_id", "transaction_id", "occurred_at")}
    value |= {"alert_id": "J1-t-50", "n_small": 1, "first_small_at": sent[0]["occurred_at"], "seen": 3}
    return msgspec.json.encode(value | changed)


def test_an_alert_must_be_right_in_every_field() -> None:
    assert ONE_STAGE.read(alert()) == Answer(50, 3)
    for changed in ({"n_small": 2}, {"first_small_at": 1}, {"alert_id": "J1-t-51"}, {"card_id": "k1"}):
        assert ONE_STAGE.read(alert(**changed)) is None


def test_an_alert_counts_the_purchases_of_its_customer() -> None:
    job = OneStage(tag="t", customers=7, ask_every=20, source="in", output="out")
    customers = [msgspec.json.decode(job.record(number, 0)[1])["customer_id"] for number in range(71)]
    expected = {number: customers[: number + 1].count(customers[number]) for number in (50, 70)}
    assert job.details(range(40, 71)) == expected
    assert min(expected.values()) > 2


@pytest.mark.parametrize(
    ("come", "problem"),
    [
        (arrivals(10, 30), []),
        (arrivals(30), ["1 of 2 outputs are missing"]),
        (arrivals(10, 30, 30), ["1 outputs came more than once"]),
        (arrivals(10, 30, 31, -1), ["2 outputs are of no event that asks for one"]),
        ([*arrivals(10), Arrival(30, 5, 0, 0)], ["1 outputs say something wrong of the customer's state"]),
    ],
)
def test_every_output_must_come_once_and_be_right(come: list[Arrival], problem: list[str]) -> None:
    assert list(judging.problems({10: 0, 30: 0}, come)) == problem


def test_latency_begins_when_an_event_was_due_not_when_it_was_sent() -> None:
    sent = driven(acked_ns={3: 13 * NS + 500_000_000})
    come = arrivals(3, 200, after_ns=14 * NS)
    assert judging.since_due_us(sent, come, range(100)) == [1_000_000]
    assert judging.since_append_us(sent, come, range(100)) == [500_000]
    assert judging.since_due_us(sent, come, range(4, 100)) == []


def test_a_late_driver_voids_the_rate() -> None:
    punctual = [100] * 99 + [50_000]
    assert judging.void(judging.decoded(driven(late_us=punctual).late)) == ""
    late = judging.void(judging.decoded(driven(late_us=[*punctual, 50_000]).late))
    assert late == "the driver itself was 50.0 ms late at p99"
    assert judging.void(None)


def test_percentiles_have_three_digits() -> None:
    known = distribution(range(1, 100_001))
    assert known is not None
    assert [known.at(one) for one in judging.NAMED] == pytest.approx([50.0, 90.0, 99.0, 99.9], rel=1e-3)
    assert known.count == 100_000
    assert known.table[-1][0] == 100.0
    assert known.table[-1][2] == 100_000
    assert distribution([]) is None
    twice = judging.merged([known, known])
    assert twice is not None
    assert (twice.count, twice.at(90.0)) == (200_000, known.at(90.0))


def test_a_backlog_grows_where_latency_does_but_not_by_one_pause() -> None:
    assert judging.growth([(at, 0.1 + at / 10) for at in range(100)]) == pytest.approx(0.1)
    assert judging.growth([(at, 5.0 if 90 <= at < 95 else 0.1) for at in range(100)]) == 0.0
    assert judging.growth([(1.0, 1.0)] * 3) == 0.0


@pytest.mark.parametrize("limit", [300.0, 1_900.0, 2_000.0, 47_000.0])
def test_the_sustainable_rate_is_found_to_a_tenth(limit: float) -> None:
    tried: list[float] = []

    def is_sustained(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    found = points.sustainable(is_sustained, 2_000.0)
    assert limit / points.PRECISION <= found <= limit
    assert len(tried) < 12
    assert len(set(tried)) == len(tried)


def test_a_system_that_sustains_nothing_has_no_rate() -> None:
    assert points.sustainable(lambda _: False, 2_000.0) == 0.0


def test_what_a_fault_did_is_told_by_partition() -> None:
    sent = driven()
    come = [
        *arrivals(0, after_ns=10 * NS + NS // 10),
        *arrivals(1, after_ns=11 * NS + NS // 10, partition=1),
        *arrivals(3, after_ns=17 * NS),
        *arrivals(7, after_ns=17 * NS + NS // 10, partition=1),
        *arrivals(9, after_ns=19 * NS + NS // 10),
    ]
    since_ns = 12 * NS
    assert judging.first_seconds(sent, come, since_ns) == pytest.approx({0: 5.0, 1: 5.1})
    assert judging.standstill_seconds(come, since_ns, 20 * NS) == pytest.approx({0: 6.9, 1: 6.0})
    assert judging.drained_seconds(sent, come, since_ns) == pytest.approx(5.0)


def point(**changed: object) -> Point:
    known = distribution([5_000] * 99 + [80_000])
    one = Point(200.0, 8.0, 1600, known, known, distribution([70]), True, 0.0, 0.5, 0.4, 1.0, [], "")  # noqa: FBT003 - in order
    return msgspec.structs.replace(one, **changed)


def page_of(one: Point) -> str:
    origin = page.Origin(report.machine(), report.versions(), "abc", (0.5, 2.0))
    measured = latency_report.Measured("ours", "pipeline", None, 0.0, 5.0, 100, 20, [one])
    return latency_report.as_markdown(latency_report.Report(origin, [measured]))


def test_the_page_shows_latencies_only_where_all_was_right_and_on_time() -> None:
    assert "| 200 | 5.0 | 5.0 | 5.0 | 80.1 | 80.1 | 5.0 | 5.0 | 80.1 | 100 | 0.50 + 0.40 |" in page_of(point())
    assert "| 200 | the driver was late |  |" in page_of(point(void="the driver was late"))
    assert "| 200 | 2 outputs are missing |  |" in page_of(point(since_due=None, problems=["2 outputs are missing"]))


def test_a_tiny_real_run_measures_our_own_pipeline() -> None:
    with sites.pipeline(1, 1_000, 20) as site, points.ranging(site) as one:
        began = time.monotonic()
        measured = one.point(100.0, 0.5, 2.0)
        lasted_ms = (time.monotonic() - began) * 1000
        busy = one.point(5_000.0, 0.0, 0.5)
    assert measured.problems == []
    assert measured.since_due is not None
    assert measured.since_append is not None
    assert measured.since_due.count == 10
    assert 0 < measured.since_append.at(50.0) <= measured.since_due.max_ms < lasted_ms
    assert busy.since_append is not None
    assert busy.since_append.at(50.0) > 1, "acknowledgements are seen though the driver never has time for them"
