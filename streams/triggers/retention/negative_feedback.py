"""Negative feedback: a low score, a negative post, or one complaint after another.

Why: somebody who says that they are unhappy can still be kept; somebody who just leaves can't.
Action: care_call; once it was made, offers pause (`offers_pause_after_feedback` of the policy).
Quiet when: a call for this reason was asked for within `rest` (`called_lately`). A single complaint is left to those
    who resolve it, whatever its tone: complaints count by their number.
Source: the list of triggers of the mission: low survey score, negative post, repeated complaints.

    score 2       complaint     complaint                        post -0.8
    --o---------------o-------------o--------------------------------o--->   calls at the first and the last
      |               |<- within window ->|                          |
      |<--------------- rest: called_lately ---------------->|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Caused, Interaction
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.wording import length


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    score_max: Annotated[int, Meta(ge=0, le=10, description="highest score, of 0 to 10, that counts as low")] = 3
    sentiment_max: Annotated[
        float, Meta(ge=-1, le=0, description="highest sentiment, of -1 to 1, that counts as negative")
    ] = -0.5
    complaints_min: Annotated[int, Meta(ge=2, le=8, description="complaints that count as repeated")] = 2
    window: Annotated[timedelta, Meta(description="how long repeated complaints may take to count together")] = (
        timedelta(days=30)
    )
    rest: Annotated[timedelta, Meta(description="least time between two calls for this reason")] = timedelta(days=30)
    act_within: Annotated[timedelta, Meta(description="how long after the feedback a call makes sense")] = timedelta(
        days=7
    )
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely an unhappy customer leaves")] = 0.4
    feedback_kept_max: Annotated[
        int, Meta(ge=8, le=64, description="complaints and low scores remembered for a customer, newest kept")
    ] = 8


class Feedback(Caused, Struct, array_like=True):
    """Something negative that was said; kept so that it counts once, and complaints together."""

    at_ms: int
    event: str
    position: int
    is_complaint: bool


class Occasion(Struct, frozen=True):
    """What a call would be about."""

    feedback: list[Feedback]
    because: str
    measured: dict[str, Measure]


class State(Struct, array_like=True):
    called_at_ms: int | None = None
    feedback: list[Feedback] = field(default_factory=list)


def _is_feedback(entry: Interaction) -> bool:
    return entry.kind == "complaint" or entry.score is not None or entry.sentiment is not None


@trigger(
    on=(Interaction,), heeds=_is_feedback, config=Config, state=State, quiet=("called_lately",), state_bytes_max=640
)
def negative_feedback(entry: Interaction, state: State, config: Config) -> Iterator[Candidate]:
    is_complaint = entry.kind == "complaint"
    if not (is_complaint or _is_low(entry, config)) or any(one.event == entry.id for one in state.feedback):
        return
    said = Feedback(entry.at_ms, entry.id, entry.position, is_complaint)
    kept = sorted([*state.feedback, said], key=lambda one: (one.at_ms, one.event))
    state.feedback = kept[-config.feedback_kept_max :]
    occasion = _repeated(said, state, config) if is_complaint else _low(entry, said, config)
    if occasion is not None:
        yield _candidate(occasion, state, config)


def _is_low(entry: Interaction, config: Config) -> bool:
    is_low_score = entry.score is not None and entry.score <= config.score_max
    return is_low_score or (entry.sentiment is not None and entry.sentiment <= config.sentiment_max)


def _low(entry: Interaction, said: Feedback, config: Config) -> Occasion:
    found = {"score": (entry.score, config.score_max), "sentiment": (entry.sentiment, config.sentiment_max)}
    measured = {name: Measure(value, most) for name, (value, most) in found.items() if value is not None}
    words = (f"a {name} of {one.value}, {one.threshold} or less is low" for name, one in measured.items())
    return Occasion([said], " and ".join(words), measured)


def _repeated(said: Feedback, state: State, config: Config) -> Occasion | None:
    """The most complaints within one window that this one belongs to: it may have come late, between others."""
    window_ms = milliseconds(config.window)
    complaints = [one for one in state.feedback if one.is_complaint]
    groups = [
        [one for one in complaints if 0 <= last.at_ms - one.at_ms <= window_ms]
        for last in complaints
        if 0 <= last.at_ms - said.at_ms <= window_ms
    ]
    group = max(groups, key=len, default=[])
    if len(group) < config.complaints_min:
        return None
    because = f"{len(group)} complaints within {length(group[-1].at_ms - group[0].at_ms)}"
    return Occasion(group, because, {"complaints": Measure(len(group), config.complaints_min)})


def _candidate(occasion: Occasion, state: State, config: Config) -> Candidate:
    at_ms, called_at_ms = occasion.feedback[-1].at_ms, state.called_at_ms
    is_called = called_at_ms is not None and abs(at_ms - called_at_ms) <= milliseconds(config.rest)
    if not is_called:
        state.called_at_ms = at_ms if called_at_ms is None else max(at_ms, called_at_ms)
    return Candidate(
        action="care_call",
        at_ms=at_ms,
        causes=tuple(one.cause for one in occasion.feedback),
        because=occasion.because,
        measured=occasion.measured,
        risk=None if is_called else config.risk,
        expires_at_ms=at_ms + milliseconds(config.act_within),
        quiet="called_lately" if is_called else None,
    )
