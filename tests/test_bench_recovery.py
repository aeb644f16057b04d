"""The recovery benchmark itself: gaps, replayed entries and steps are read right, a wrong outcome has no figures."""

import pytest

from bench import recovery, recovery_report, report
from bench.recovery import Fault, Noted, Outcome
from bench.recovery_load import Commits, fill

CUSTOMERS = 7


def commits(*at_seconds: float) -> Commits:
    seen = Commits()
    seen._seen = {0: list(at_seconds)}
    return seen


@pytest.mark.parametrize(
    ("at_seconds", "gap"),
    [
        ((1.0, 9.0, 10.5, 15.0, 15.5), 4.5),
        ((1.0, 9.0, 16.0, 17.0), 7.0),  # it began before the fault
        ((10.1, 10.2), 9.8),  # it hasn't ended
        ((), 10.0),
    ],
)
def test_the_longest_gap_is_what_touches_the_time_looked_at(at_seconds: tuple[float, ...], gap: float) -> None:
    assert commits(*at_seconds).longest_gaps(10.0, 20.0) == [pytest.approx(gap)]


def test_all_partitions_must_have_moved() -> None:
    seen = Commits()
    assert not seen.moved_since(1.0)
    seen._seen = {0: [1.0, 2.0], 1: [2.0]}
    assert seen.moved_since(1.5)
    assert not seen.moved_since(2.0)


def test_an_entry_that_was_applied_before_the_drain_and_read_after_it_is_replayed() -> None:
    drained: dict[str, object] = {"event": "drained", "journal": {"0": 10, "1": 7}}
    ready: dict[str, object] = {"event": "ready", "journal": {"0": 10}}
    assert recovery._replayed([drained, ready, {**ready, "journal": {"1": 12}}]) == 0
    assert recovery._replayed([drained, {**ready, "journal": {"0": 7, "1": None}}]) == 3 + 7


def test_every_customer_gets_events_of_its_own() -> None:
    records = [record for some in fill(CUSTOMERS) for record in some]
    assert len({record.key for record in records}) == CUSTOMERS
    assert len({bytes(record.value) for record in records}) == len(records) > CUSTOMERS


def killed(problems: list[str]) -> recovery_report.Report:
    log = [
        Noted(5.5, 1, "drained", 0.25),
        Noted(5.7, 1, "partitions_assigned", 0.1),
        Noted(6.5, 1, "ready"),
        Noted(7.0, 0, "serving"),
        Noted(8.0, 0, "partitions_assigned", 0.2),
        Noted(8.5, 0, "ready"),
    ]
    faults = [Fault("kill", 0, seconds, [seconds, 0.5], 0, None, 3.0, log) for seconds in (7.0, 9.0)]
    return recovery_report.Report(report.machine(), report.versions(), "abc", Outcome(10, 100.0, faults, problems))


def test_the_page_says_where_the_time_went() -> None:
    page = recovery_report.as_markdown(killed([]))
    assert "| every partition ready again | 8.00 | 9.00 | 9.00 |" in page
    assert "| the other worker reads again | 6.50 | 6.50 | 6.50 |" in page
    assert "| the new process answers probes | 7.00 | 7.00 | 7.00 |" in page
    assert "| longest drain | 0.25 | 0.25 | 0.25 |" in page


def test_a_wrong_outcome_has_no_figures() -> None:
    page = recovery_report.as_markdown(killed(["2 records are missing"]))
    assert "- 2 records are missing" in page
    assert "ready again" not in page


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [recovery_report.quantile(values, share) for share in (0.5, 0.95, 1.0)] == [50.0, 95.0, 100.0]
    assert recovery_report.quantile([3.0], 0.95) == 3.0
