"""Engagement drop: logins, opened e-mails and visits fall suddenly and stay low, or the customer falls silent.

Why: people stop looking before they leave; while they are only gone from sight, a reason to come back still helps.
Action: re_engage, once for each absence: after `lasting_weeks` in a row with little of the customer's own base line
    (the median of the days a week on which the customer was seen), or, for who has no steady habit, `silence_weeks` of
    nothing. It is looked at once a week; a week with more than a little of the base line ends the absence.
Quiet when: the same weeks of the year before were as quiet (`holiday_pattern`); when that is over and the customer
    still away, it fires after all. Nothing is said of who was never engaged: less than `usual_days_min` days a week,
    and seen in fewer than `engaged_weeks_min` weeks. A slow decline is none, until it ends in silence.
Source: churn models by recency and frequency, and the mission's list; the median, so that one odd week changes nothing.

    days a week  4 5 4 4 3 5 4 4 5 4 4 5 | 1 0 1 0 |re_engage
                 |<---- base_weeks ----->|<lasting>|
"""

from collections.abc import Iterator
from datetime import timedelta
from statistics import fmean, median
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Caused, Interaction, Response
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.baseline import WEEK_MS, Fall, Weeks, fall, is_yearly, silent_weeks, week_end_ms, week_of
from streams.triggers.wording import DAY_MS, counted

SEEN = frozenset(("login", "email_opened", "site_visit", "branch_visit", "opened", "accepted", "converted"))
HOLIDAY = "holiday_pattern"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    base_weeks: Annotated[int, Meta(ge=4, le=26, description="weeks before a fall that make the base line")] = 12
    lasting_weeks: Annotated[int, Meta(ge=2, le=12, description="weeks in a row that make a fall lasting")] = 4
    left_percent_max: Annotated[
        int, Meta(ge=0, le=90, description="what is left of the base line in each of them, at most, in percent")
    ] = 30
    usual_days_min: Annotated[
        float, Meta(ge=0.5, le=7, description="smallest base line that can fall, in days a week")
    ] = 2.0
    sudden_weeks: Annotated[int, Meta(ge=1, le=12, description="weeks right before a fall that show it was sudden")] = 4
    steady_percent_min: Annotated[
        int, Meta(ge=0, le=100, description="their median, at least, in percent of the base line")
    ] = 70
    silence_weeks: Annotated[int, Meta(ge=4, le=26, description="weeks of nothing at all that are long silence")] = 13
    engaged_weeks_min: Annotated[
        int, Meta(ge=1, le=26, description="weeks in which who is missed must have been seen before")
    ] = 6
    holiday_off_weeks: Annotated[
        int, Meta(ge=0, le=6, description="how far the quiet weeks of the year before may be off")
    ] = 1
    act_within: Annotated[timedelta, Meta(description="how long after that an action makes sense")] = timedelta(days=28)
    risk: Annotated[
        float, Meta(ge=0, le=1, description="how likely who falls silent leaves; of who is still seen, by what is left")
    ] = 0.5
    weeks_kept_max: Annotated[
        int, Meta(ge=30, le=100, description="weeks remembered; the holiday pattern needs more than a year")
    ] = 70


class Touch(Caused, Struct, array_like=True):
    """A time the customer was seen, and the event that says so."""

    at_ms: int
    event: str
    position: int


class Absence(Struct, array_like=True):
    """A fall that was decided on; it is over with a week of more than `most` days."""

    since_week: int
    most: float
    is_holiday: bool


class State(Struct, array_like=True):
    due_ms: int | None = None
    weeks: Weeks = field(default_factory=Weeks)
    first: Touch | None = None
    last: Touch | None = None
    absence: Absence | None = None


def _is_seen(entry: Interaction | Response) -> bool:
    return entry.kind in SEEN


@trigger(
    on=(Interaction, Response, Tick), heeds=_is_seen, config=Config, state=State, quiet=(HOLIDAY,), state_bytes_max=320
)
def engagement_drop(entry: Interaction | Response | Tick, state: State, config: Config) -> Iterator[Candidate]:
    if not isinstance(entry, Tick):
        _see(entry, state, config)
    elif state.due_ms is not None and state.due_ms <= entry.at_ms:
        yield from _look(entry, state, config)
        is_settled = state.absence is not None and not state.absence.is_holiday
        is_watched = not is_settled and any(state.weeks.days)
        weeks = (entry.at_ms - state.due_ms) // WEEK_MS + 1
        state.due_ms = state.due_ms + weeks * WEEK_MS if is_watched else None


def _see(entry: Interaction | Response, state: State, config: Config) -> None:
    state.weeks.mark(entry.at_ms, config.weeks_kept_max)
    touch = Touch(entry.at_ms, entry.id, entry.position)
    order = _order(touch)
    if state.first is None or order < _order(state.first):
        state.first = touch
    if state.last is None or order > _order(state.last):
        state.last = touch
    if state.due_ms is None:  # at the customer's own hour of the first day: not everybody at once
        state.due_ms = week_end_ms(week_of(entry.at_ms)) + entry.at_ms % DAY_MS


def _order(touch: Touch) -> tuple[int, str]:
    return touch.at_ms, touch.event


def _look(tick: Tick, state: State, config: Config) -> Iterator[Candidate]:
    """Whether the weeks that are over are a fall, or long silence, and this one isn't better."""
    week = week_of(tick.at_ms)
    state.weeks.move_on(week, config.weeks_kept_max)
    *past, current = state.weeks.counts()
    _end_absence(state)
    found = _sudden(past, config) or _silence(past, config)
    if found is None or current > found.most or (state.absence and not state.absence.is_holiday):
        return
    is_holiday = is_yearly(past, found, config.holiday_off_weeks, config.silence_weeks)
    if is_holiday and state.absence:
        return  # said already
    state.absence = Absence(week - found.weeks, found.most, is_holiday)
    yield from _candidate(found, state, past, config)


def _end_absence(state: State) -> None:
    absence = state.absence
    if absence is not None:
        since = max(0, absence.since_week - state.weeks.oldest)
        if max(state.weeks.counts()[since:], default=0) > absence.most:
            state.absence = None


def _sudden(past: list[int], config: Config) -> Fall | None:
    """A lasting fall, from a base line that is high enough and that the customer kept to the end."""
    found = fall(past, config.base_weeks, config.lasting_weeks, config.left_percent_max)
    if found is None or found.usual < config.usual_days_min:
        return None
    is_steady = 100 * median(found.before[-config.sudden_weeks :]) >= config.steady_percent_min * found.usual
    return found if is_steady else None


def _silence(past: list[int], config: Config) -> Fall | None:
    """Nothing for long, from who had been there in several weeks."""
    weeks = silent_weeks(past)
    before = tuple(past[:-weeks]) if weeks else ()
    if weeks < config.silence_weeks or sum(map(bool, before)) < config.engaged_weeks_min:
        return None
    return Fall(weeks, before, fmean(before), 0)


def _candidate(found: Fall, state: State, past: list[int], config: Config) -> Iterator[Candidate]:
    if state.first is None or state.last is None or state.absence is None:
        return
    is_holiday, left = state.absence.is_holiday, fmean(past[-found.weeks :])
    at_ms = week_end_ms(state.absence.since_week + found.weeks - 1)
    causes = (state.first.cause, state.last.cause) if is_holiday else (state.last.cause,)
    yield Candidate(
        action="re_engage",
        at_ms=at_ms,
        causes=causes,
        because=f"seen on {left:.1f} days a week for {counted(found.weeks, 'week')}, on {found.usual:.1f} before",
        measured={
            "days_a_week": Measure(round(left, 2), round(found.most, 2)),
            "usual_days_a_week": Measure(round(found.usual, 2)),
            "quiet_weeks": Measure(found.weeks, config.lasting_weeks if found.most else config.silence_weeks),
        },
        risk=None if is_holiday else round(config.risk * (1 - left / found.usual), 6),
        expires_at_ms=at_ms + milliseconds(config.act_within),
        quiet=HOLIDAY if is_holiday else None,
    )
