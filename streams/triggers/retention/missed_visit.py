"""Missed visit: a customer who books about the same weeks every year hasn't this year.

Why: a habit that is broken once is soon gone, and nobody complains about a holiday that was spent elsewhere.
Action: invite_back, once for each year that is missed, `grace` after the usual day in the customer's own time zone.
Quiet when: a visit is booked for this year, however long before (`already_booked`). Nothing at all is said with fewer
    than `years_min` earlier years in a row, nor of a customer who comes so often that no weeks are the usual ones.
Source: the yearly visitor of the mission. The usual day is the median of the same calendar day of each earlier year;
    visits of one category are looked at together.

    2023          2024          2025               2026
    --o-------------o------------o------------------:--------|-->   fires, unless a visit about the usual day is booked
     10 July       3 July       8 July     usual 8 July      |
                                                    |<-grace>|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.calendar import local
from streams.events import Purchase
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers import yearly
from streams.triggers.bounded import put_last
from streams.triggers.wording import counted
from streams.triggers.yearly import Visit, Weeks


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    years_min: Annotated[int, Meta(ge=2, le=5, description="earlier years in a row that make a habit")] = 2
    off_max: Annotated[
        timedelta, Meta(description="how far apart visits may be, from year to year, and still be the same weeks")
    ] = timedelta(days=21)
    moved_max: Annotated[
        timedelta, Meta(description="how far from the usual day a visit still stands for this year's")
    ] = timedelta(days=60)
    a_year_max: Annotated[int, Meta(ge=1, le=12, description="most visits a year of a customer with usual weeks")] = 2
    grace: Annotated[timedelta, Meta(description="whole days after the usual day, before anything is said")] = (
        timedelta(days=14)
    )
    act_within: Annotated[timedelta, Meta(description="how long after the grace an invitation makes sense")] = (
        timedelta(days=30)
    )
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely a customer who missed a year stays away")] = 0.4
    categories_kept_max: Annotated[int, Meta(ge=1, le=16, description="categories remembered, latest booked")] = 4
    visits_kept_max: Annotated[int, Meta(ge=3, le=32, description="visits remembered of a category, latest kept")] = 8


class State(Struct, array_like=True):
    due_ms: int | None = None
    visits: dict[str, list[Visit]] = field(default_factory=dict)


class Habit(Struct, frozen=True):
    """Years in a row, and what is expected of the next: the usual day, and when its grace is over."""

    row: list[Visit]
    usual_ms: int
    due_ms: int
    booked: Visit | None


@trigger(on=(Purchase, Tick), config=Config, state=State, quiet=("already_booked",), state_bytes_max=2048)
def missed_visit(entry: Purchase | Tick, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    weeks = Weeks(
        customer.dossier.time_zone, milliseconds(config.off_max), milliseconds(config.moved_max), config.a_year_max
    )
    if isinstance(entry, Tick):
        for category, visits in state.visits.items():
            yield from _decide(entry.at_ms, category, visits, weeks, config)
    elif entry.booked_from_ms is None:
        return
    else:
        _book(entry, entry.booked_from_ms, state, config)
    open_habits = (habit for visits in state.visits.values() for habit in _habits(visits, weeks, config))
    state.due_ms = min((habit.due_ms for habit in open_habits), default=None)


def _book(entry: Purchase, from_ms: int, state: State, config: Config) -> None:
    visits = state.visits.pop(entry.category, [])
    visit = Visit(from_ms, max(from_ms, entry.booked_to_ms or from_ms), entry.id, entry.position)
    yearly.remember(visits, visit, milliseconds(config.off_max), config.visits_kept_max)
    put_last(state.visits, entry.category, visits, config.categories_kept_max)


def _habits(visits: list[Visit], weeks: Weeks, config: Config) -> Iterator[Habit]:
    """The habits of a category whose next visit wasn't decided on yet."""
    for last in visits:
        if last.is_decided:
            continue
        row = yearly.row_of_years(last, visits, weeks)
        if len(row) >= config.years_min:
            usual_ms = yearly.usual_ms(row, weeks.zone)
            due_ms = yearly.days_later_ms(usual_ms, milliseconds(config.grace), weeks.zone)
            yield Habit(row, usual_ms, due_ms, yearly.stands_for(last, usual_ms, visits, weeks))


def _decide(now_ms: int, category: str, visits: list[Visit], weeks: Weeks, config: Config) -> Iterator[Candidate]:
    for habit in list(_habits(visits, weeks, config)):
        if habit.due_ms <= now_ms:
            habit.row[-1].is_decided = True
            if now_ms < habit.due_ms + milliseconds(config.act_within):  # a history read in late is no news
                yield _candidate(category, habit, weeks.zone, config)


def _candidate(category: str, habit: Habit, zone: str, config: Config) -> Candidate:
    booked = (habit.booked.cause,) if habit.booked else ()
    usual = local(habit.usual_ms, zone)
    return Candidate(
        action="invite_back",
        at_ms=habit.due_ms,
        causes=(*(one.cause for one in habit.row), *booked),
        because=_in_words(habit, zone, config),
        subject={"category": category},
        measured={
            "years": Measure(len(habit.row), config.years_min),
            "usual_date": Measure(usual.date().isoformat()),
            "usual_week": Measure(usual.isocalendar().week),
        },
        risk=None if habit.booked else config.risk,
        expires_at_ms=habit.due_ms + milliseconds(config.act_within),
        quiet="already_booked" if habit.booked else None,
    )


def _in_words(habit: Habit, zone: str, config: Config) -> str:
    days = [local(one.from_ms, zone).date().isoformat() for one in habit.row]
    came = f"visits in {counted(len(days), 'year')} in a row, on {', '.join(days)}"
    if habit.booked:
        return f"{came}; the next is booked for {local(habit.booked.from_ms, zone).date().isoformat()}"
    usual = local(habit.usual_ms, zone).date().isoformat()
    return f"{came}; none is booked about {usual}, {counted(config.grace // timedelta(days=1), 'day')} after it"
