"""What quality tells of a case that was missed and of a false alarm: events, and what was planted or said instead."""

from agents.demo.disagreements import told
from agents.demo.truth import Truth, score
from streams.actions import Decision
from streams.events import Cause
from tests.demo.test_truth import DROP, SPENT, TRUTH, WIRED, asked, decision


def lines(*decisions: Decision, labels: Truth = TRUTH) -> list[str]:
    return list(told(labels, score(labels, decisions), decisions))


def test_a_missed_case_names_its_events_and_that_nothing_was_said() -> None:
    (line,) = lines(labels=Truth(seed=7, customers=1, cases=(DROP,)))
    assert line == (
        "seed 7, missed: balance_drop loan_offer for ann (test), due 1970-02-10, events ann-1; the trigger said nothing"
    )


def test_a_missed_case_tells_what_was_said_instead() -> None:
    said = decision(DROP, outcome="suppressed", reason="money_came_back", because="it came back")
    far = decision(DROP, candidate="far", event_at_ms=DROP.at_ms * 9, because="another year")
    (line, alarm) = lines(far, said, labels=Truth(seed=7, customers=1, cases=(DROP,)))
    assert line.endswith("; it said loan_offer (suppressed, money_came_back) of 1970-02-10: it came back")
    assert alarm.startswith("seed 7, false alarm: balance_drop loan_offer for ann of 1970-12-27")


def test_a_false_alarm_tells_the_near_miss_that_it_fell_for() -> None:
    fooled = asked(SPENT, "dan-1")
    (line,) = [line for line in lines(fooled) if "false alarm" in line]
    assert "(fell for the near miss test)" in line


def test_a_false_alarm_names_its_events_and_what_else_is_planted() -> None:
    elsewhere = decision(WIRED, action="loan_offer", causes=(Cause("ben-9", 0),))
    (line,) = [line for line in lines(elsewhere) if "false alarm" in line]
    assert "events ben-9 (has balance_drop test planted)" in line
    nobody = decision(WIRED, customer="zoe", candidate="zoe")
    assert "(nothing is planted)" in next(line for line in lines(nobody) if "false alarm" in line)
