"""Partitions put together: sums, shares with their intervals, and what is worth showing."""

from collections import Counter

from agents.backtest.course import Plan
from agents.backtest.figures import Figures, Group
from agents.backtest.recorded import NOT_COMPARED
from agents.backtest.result import Result
from agents.backtest.run import Usage
from agents.backtest.summing import result
from tests.backtest.history import TIGHTER, happened, ran, version

PLAN = Plan(version(**TIGHTER))


def summed(figures: Figures) -> Result:
    """Two partitions, in each of which something came of offers of `lapsed` on the old side."""
    partition = ran(PLAN, [version(), *happened()])
    partition.figures["old"]["lapsed"] = figures
    partition.contacts["old"] = Counter({1: 3, 4: 1})
    return result([partition, partition], PLAN, "journal", NOT_COMPARED, Usage(2.0, 3.0, 10**8, 2))


def test_partitions_add_up() -> None:
    found = summed(Figures(sent=5))
    [card_testing, lapsed] = found.triggers
    assert (card_testing.unchanged, card_testing.gained, card_testing.lost) == (2, 2, 2)
    assert [one.gained for one in card_testing.days if one.gained] == [2]
    assert (card_testing.old.precision.count, card_testing.old.precision.total) == (2, 4)
    assert (lapsed.trigger, lapsed.old.sent, lapsed.new.sent) == ("lapsed", 10, 0)
    assert (found.total.gained, found.total.lost) == (2, 2)
    contacts = found.contacts["old"]
    assert (contacts.contacts, contacts.customers, contacts.mean, contacts.most) == (14, 8, 1.75, 4)
    assert found.history.entries["config"] == 2
    assert found.cost.cpu_us_per_entry == round(3e6 / sum(found.history.entries.values()), 2)


def test_uplift_is_that_of_the_report_and_shown_where_enough_is_known() -> None:
    known = summed(Figures(treated=Group(30, 200), held_out=Group(2, 150))).triggers[1]
    assert known.old.uplift is not None
    assert (known.old.uplift.treated.total, known.old.uplift.held_out.total) == (400, 300)
    assert known.old.uplift.statement.startswith("more conversions: +13.7 points")
    assert (known.differs, known.says_of_uplift) == (False, True)
    few = summed(Figures(treated=Group(30, 200), held_out=Group(0, 20))).triggers[1]
    assert not few.says_of_uplift
    none = summed(Figures()).triggers[1]
    assert none.old.uplift is None
