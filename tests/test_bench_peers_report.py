"""The comparison with others: its intervals, which pairs count, and its page."""

from random import Random
from statistics import median

import msgspec
import pytest

from bench import comparison_report, plan, ratios
from bench.comparison import Compared, Data, Pair, Wanted
from bench.comparison_report import Report
from bench.contestants import ALL
from bench.outcome import Outcome
from bench.peer_run import PeerRun
from bench.purchases import Settings
from bench.ratios import Ratio, ratio


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    chance = Random(7)  # noqa: S311 - made-up data
    tries = 200
    covered = 0
    for _ in range(tries):
        found = ratio([chance.lognormvariate(1.0, 0.2) for _ in range(15)], resamples=300)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 2.718281828 <= found.high
    assert 0.88 * tries <= covered <= 0.995 * tries


def test_a_ratio_of_few_or_equal_pairs() -> None:
    assert ratio([]) is None
    assert ratio([3.0]) == Ratio(1, 3.0, None, None)
    assert ratio([2.0] * 5) == Ratio(5, 2.0, 2.0, 2.0)
    values = [1.0, 2.0, 3.0, 4.0, 100.0]
    found = ratio(values)
    assert found == ratio(values)
    assert found is not None
    assert (found.median, found.low, found.high) == (median(values), 1.0, 100.0)
    assert ratios.LEVEL == 0.95


def test_what_a_program_against_itself_must_show() -> None:
    assert comparison_report.sound(Ratio(10, 1.01, 0.98, 1.04))
    assert not comparison_report.sound(Ratio(10, 1.02, 1.01, 1.03))
    assert not comparison_report.sound(Ratio(10, 1.0, 0.9, 1.1))
    assert not comparison_report.sound(Ratio(1, 1.0, None, None))


def run_of(name: str, cpu_us: float, **changes: object) -> PeerRun:
    row = PeerRun(
        contestant=name,
        job="j1",
        skew="uniform",
        guarantee=ALL[name].guarantee,
        events=1000,
        measured=1000,
        cpu_seconds=cpu_us / 1000,
        broker_seconds=0.002,
        wall_seconds=0.01,
        resident_bytes=10**8,
        kernel_us=0.5,
    )
    return msgspec.structs.replace(row, **changes)


def compared(pairs: list[Pair], *, loaded: bool = False) -> Compared:
    settings = Settings(events=1000)
    contests = [plan.Contest("ours", "j1", settings), plan.Contest("Quix, 100 ms", "j1", settings)]
    data = [Data(settings, "5e1f", 211.0, {"j1": Outcome(1, "a", "b")})]
    return Compared(Wanted(contests, 10, 5.0, loaded=loaded), data, pairs, 60.0)


def page_of(pairs: list[Pair], *, loaded: bool = False) -> str:
    machine: dict[str, str | int] = {"cores": 2, "cpu": "abacus", "kernel": "6", "python": "3.11"}
    return comparison_report.as_markdown(
        Report(machine, {"kafka-streams": "4.1.0"}, "abc", 0.1, compared(pairs, loaded=loaded))
    )


def pairs_of(ratios_of: list[float], **changes: object) -> list[Pair]:
    return [
        Pair(turn, 0, run_of("Quix, 100 ms", 8.0 * one, **changes), run_of("ours", 8.0))
        for turn, one in enumerate(ratios_of)
    ]


def test_the_page_has_the_median_of_the_pairs_ratios_and_both_sides() -> None:
    page = page_of(pairs_of([5.0, 7.0, 6.0]))
    assert "| ours | exactly-once | 1,000 | 8.00 | 16.0 | 2.00 | 100,000 | 100 | 0.00 |" in page
    assert (
        "| Quix, 100 ms | exactly-once | 1,000 | 48.00 | 96.0 | 2.00 | 100,000 | 100 | 0.00 | 3 of 3 | 6.00 |" in page
    )
    assert "| 5.00 |\n" in page  # with the broker's 2 µs on both sides: 50 over 10
    assert "SHA-256 5e1f" in page
    assert "abacus" in page
    assert "kafka-streams 4.1.0" in page


def test_a_wrong_hash_has_no_speed() -> None:
    right, wrong = pairs_of([5.0]), pairs_of([5.0], faults=["3 outputs instead of 4"])
    page = page_of(right + wrong)
    assert f"| Quix, 100 ms | exactly-once | 1,000 | {comparison_report.NO_SPEED} | 3 outputs instead of 4 |" in page
    assert comparison_report.faults(compared(right + wrong)) == ["Quix, 100 ms, j1: 3 outputs instead of 4"]
    assert comparison_report.faults(compared(right)) == []


@pytest.mark.parametrize("disturbance", [{"steal_share": 0.03}, {"foreign_share": 0.2}])
def test_a_disturbed_pair_is_kept_but_not_counted(disturbance: dict[str, float]) -> None:
    pairs = [*pairs_of([5.0]), *pairs_of([50.0], **disturbance)]
    page = page_of(pairs)
    assert "1 of 2 | 5.00 |" in page
    assert "1 of 2 pairs met" in page
    assert "2 of 2 | 27.50 |" in page_of(pairs, loaded=True)
    assert "rough figures only" in page_of(pairs, loaded=True)
    assert "no pair counts" in page_of(pairs[1:])


def test_ours_against_itself_is_said_first() -> None:
    control = [Pair(turn, 0, run_of("ours", 8.0), run_of("ours", 8.0)) for turn in range(3)]
    assert "ours against itself: 1.000, 1.000-1.000 in 3 pairs; as it should be" in page_of(control)
    uneven = [Pair(turn, 0, run_of("ours", 9.0), run_of("ours", 8.0)) for turn in range(3)]
    assert "can't be trusted" in page_of(uneven)
    assert "too few pairs" in page_of(pairs_of([5.0]))
    broken = Pair(0, 0, run_of("ours", 8.0, faults=["it ended early"], measured=0), run_of("ours", 8.0))
    assert "| ours | exactly-once | 1,000 | no speed | it ended early |" in page_of([broken])


def test_json_has_every_run_as_it_came() -> None:
    whole = Report({}, {}, "abc", 0.1, compared(pairs_of([5.0, 6.0])))
    assert msgspec.json.decode(comparison_report.as_json(whole), type=Report) == whole
