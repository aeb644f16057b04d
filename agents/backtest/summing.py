"""From the outcomes of all partitions to the result of a backtest."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from agents.backtest.comparison import SIDES, Day, Difference
from agents.backtest.course import Outcome, Plan
from agents.backtest.figures import UNANSWERED, Figures, Group
from agents.backtest.recorded import Live
from agents.backtest.result import Contacts, Cost, History, OfDay, OfSide, OfTrigger, Result, moment
from agents.backtest.run import Usage
from agents.report.figures import uplift_of
from agents.report.intervals import Share, share_of
from streams.topics import DAY_MS

LIVE = "live"
Summed = TypeVar("Summed", Difference, Figures)


def result(outcomes: list[Outcome], plan: Plan, source: str, live: Live, usage: Usage) -> Result:
    """All partitions together; triggers in name order, without those that nobody heard of."""
    differences = _summed((one.differences for one in outcomes), Difference)
    figures = {side: _summed((one.figures[side] for one in outcomes), Figures) for side in SIDES}
    total = Day()
    for one in differences.values():
        total.add(one.total)
    names = sorted(differences.keys() | figures["old"].keys() | figures["new"].keys())
    return Result(
        old=LIVE if plan.old is None else plan.old.version,
        new=plan.new.version,
        since=None if plan.since_ms is None else moment(plan.since_ms),
        history=_history(outcomes, source),
        live=live,
        refused=sorted({version for one in outcomes for version in one.refused}),
        total=total,
        contacts={side: _contacts(sum((one.contacts[side] for one in outcomes), Counter())) for side in SIDES},
        triggers=[
            _trigger(name, differences.get(name, Difference()), *(figures[side].get(name, Figures()) for side in SIDES))
            for name in names
        ],
        cost=_cost(outcomes, usage),
    )


def _summed(parts: Iterable[Mapping[str, Summed]], empty: Callable[[], Summed]) -> dict[str, Summed]:
    found: dict[str, Summed] = {}
    for part in parts:
        for name, one in part.items():
            found.setdefault(name, empty()).add(one)
    return found


def _history(outcomes: list[Outcome], source: str) -> History:
    began = [one.span_ms[0] for one in outcomes if one.span_ms[0] >= 0]
    return History(
        source=source,
        partitions=len(outcomes),
        entries=dict(sorted(sum((one.entries for one in outcomes), Counter()).items())),
        customers=sum(one.customers for one in outcomes),
        begin=moment(min(began, default=-1)),
        end=moment(max((one.span_ms[1] for one in outcomes), default=-1)),
        versions=list(dict.fromkeys(version for one in outcomes for version in one.versions)),
    )


def _trigger(name: str, difference: Difference, old: Figures, new: Figures) -> OfTrigger:
    total = difference.total
    return OfTrigger(
        trigger=name,
        unchanged=total.unchanged,
        changed=total.changed,
        gained=total.gained,
        lost=total.lost,
        changed_in=_most_first(difference.changed_in),
        lost_to=_most_first(difference.lost_to),
        gained_from=_most_first(difference.gained_from),
        old=_side(name, old),
        new=_side(name, new),
        days=[
            OfDay(moment(number * DAY_MS)[:10], day.unchanged, day.changed, day.gained, day.lost)
            for number, day in sorted(difference.days.items())
        ],
        examples_gained=difference.gained[::-1],
        examples_lost=difference.lost[::-1],
        examples_changed=difference.changed[::-1],
    )


def _side(name: str, figures: Figures) -> OfSide:
    answers = figures.answers
    treated, held_out = map(_converted, (figures.treated, figures.held_out))
    return OfSide(
        sent=figures.sent,
        silences=_most_first(figures.silences),
        holds=_most_first(figures.holds),
        precision=share_of(answers["fraud"], answers["fraud"] + answers["genuine"]),
        unanswered=answers[UNANSWERED],
        uplift=uplift_of(name, treated, held_out) if treated.total or held_out.total else None,
        contacts=_contacts(figures.contacts),
    )


def _converted(group: Group) -> Share:
    return share_of(group.converted, group.total)


def _contacts(customers_by_count: Counter[int]) -> Contacts:
    contacts = sum(count * customers for count, customers in customers_by_count.items())
    customers = sum(customers_by_count.values())
    most = max(customers_by_count, default=0)
    mean = round(contacts / customers, 3) if customers else 0.0
    return Contacts(contacts, customers, mean, most, dict(sorted(customers_by_count.items())))


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _cost(outcomes: list[Outcome], usage: Usage) -> Cost:
    entries = sum(sum(one.entries.values()) for one in outcomes)
    return Cost(
        seconds=round(usage.seconds, 2),
        cpu_seconds=round(usage.cpu_seconds, 2),
        entries=entries,
        cpu_us_per_entry=round(usage.cpu_seconds / max(1, entries) * 1e6, 2),
        entries_per_second=round(entries / max(usage.seconds, 0.001)),
        peak_megabytes=round(usage.peak_bytes / 1e6, 1),
        processes=usage.processes,
    )
