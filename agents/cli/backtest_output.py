"""The result of a backtest as tables for a terminal."""

import sys
from collections.abc import Iterable, Iterator, Mapping

from agents.backtest.result import OfTrigger, Result, moment
from agents.cli.report import section, told

NONE = "-"
DAYS_MAX = 14
REASONS_MAX = 3
EXAMPLES_MAX = 2  # of a kind and trigger


def show(result: Result) -> None:
    """All of it but the days, of which the last are shown; the JSON and the page have them all."""
    history = result.history
    sys.stdout.write(
        f"Old: {result.old}. New: {result.new}. History: {history.source}, {history.begin} to {history.end}.\n"
    )
    changed = [one for one in result.triggers if one.differs]
    section(
        "What is sent, by trigger",
        ("trigger", "old", "new", "unchanged", "changed", "gained", "lost"),
        (
            (one.trigger, one.old.sent, one.new.sent, one.unchanged, one.changed, one.gained, one.lost)
            for one in result.triggers
        ),
    )
    section(
        "Why only one side sends it, and what changed",
        ("trigger", "lost to", "gained from", "changed in"),
        ((one.trigger, *map(_most, (one.lost_to, one.gained_from, one.changed_in))) for one in changed),
    )
    _outcomes(result)
    section(
        f"Days with differences, the last {DAYS_MAX}",
        ("day", "trigger", "unchanged", "changed", "gained", "lost"),
        _days(result),
    )
    columns = ("what", "trigger", "decided", "customer", "action", "the other side", "because")
    section("Examples", columns, _examples(changed))


def _outcomes(result: Result) -> None:
    """What came of either side's."""
    section(
        "Fraud checks: cardholders who were asked and said that it was fraud",
        ("trigger", "side", "precision", "no answer known"),
        (
            (one.trigger, side, told(of.precision), of.unanswered)
            for one in result.triggers
            for side, of in one.sides
            if of.precision.total or of.unanswered
        ),
    )
    section(
        "Uplift: conversions with an offer, against the hold-out group, of what was decided live too",
        ("trigger", "side", "treated", "held out", "effect"),
        (
            (one.trigger, side, told(of.uplift.treated), told(of.uplift.held_out), of.uplift.statement)
            for one in result.triggers
            for side, of in one.sides
            if of.uplift and one.says_of_uplift
        ),
    )
    section(
        "Contacts of customers who have any",
        ("trigger", "side", "contacts", "customers", "mean", "most"),
        (
            (trigger, side, of.contacts, of.customers, f"{of.mean:.2f}", of.most)
            for trigger, side, of in result.told_contacts
        ),
    )


def _days(result: Result) -> list[tuple[object, ...]]:
    rows = [
        (day.day, one.trigger, day.unchanged, day.changed, day.gained, day.lost)
        for one in result.triggers
        for day in one.days
        if day.changed or day.gained or day.lost
    ]
    last = sorted({row[0] for row in rows})[-DAYS_MAX:]
    return sorted(row for row in rows if row[0] in last)


def _examples(changed: Iterable[OfTrigger]) -> Iterator[tuple[object, ...]]:
    for one in changed:
        for what, several in (
            ("gained", one.examples_gained),
            ("lost", one.examples_lost),
            ("changed", one.examples_changed),
        ):
            for example in several[:EXAMPLES_MAX]:
                decided, other = moment(example.at_ms), example.otherwise
                yield what, one.trigger, decided, example.customer, example.action, other, example.because


def _most(counts: Mapping[str, int]) -> str:
    """The most frequent, as in `outranked 12, cool_down 3`."""
    most = [f"{name} {count}" for name, count in list(counts.items())[:REASONS_MAX]]
    return ", ".join([*most, "…"] if len(counts) > REASONS_MAX else most) or NONE
