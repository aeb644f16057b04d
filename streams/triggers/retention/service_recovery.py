"""Service recovery: a complaint was resolved, or it wasn't in time.

Why: the most loyal customers are those whose problem was solved well; those who wait in vain are the first to go.
Action: follow_up_call, `follow_up_after` the last resolution, one call for all that was resolved meanwhile;
    escalate_complaint where a complaint waits for longer than `resolve_within`, once for those about the same thing.
Quiet when: the customer isn't content (`still_unhappy`): another complaint is open, or the resolution, or a survey
    after it, got a low score.
Source: the service recovery paradox (McCollough and Bharadwaj, 1992): a failure put right well makes customers loyal.

    complaint      resolved                        complaint
    --o---------------o--------------------|call     --o-------------------------|to a person
                      |<-follow_up_after-->|           |<--- resolve_within ---->|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Interaction
from streams.facts import Complaint, first_resolution
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.wording import HOUR_MS, counted, length


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    resolve_within: Annotated[timedelta, Meta(description="how long resolving a complaint may take")] = timedelta(
        days=5
    )
    follow_up_after: Annotated[
        timedelta, Meta(description="how long after the resolution the customer is asked whether all is well")
    ] = timedelta(days=3)
    open_max: Annotated[
        timedelta, Meta(description="after how long a complaint that nobody resolved no longer stops a follow-up")
    ] = timedelta(days=30)
    score_max: Annotated[
        int, Meta(ge=0, le=10, description="highest score, of 0 to 10, that says that it wasn't solved well")
    ] = 3
    act_within: Annotated[timedelta, Meta(description="how long after the resolution a follow-up makes sense")] = (
        timedelta(days=14)
    )
    risk_resolved: Annotated[
        float, Meta(ge=0, le=1, description="how likely a customer leaves whose complaint was resolved")
    ] = 0.1
    risk_unresolved: Annotated[float, Meta(ge=0, le=1, description="the same while it waits for too long")] = 0.5
    complaints_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="complaints remembered for a customer, and as many resolutions, newest kept")
    ] = 6


class Said(Complaint, array_like=True):
    """A complaint or a resolution; `is_done`: a person was told, or it was followed up."""

    is_done: bool = False


class State(Struct, array_like=True):
    due_ms: int | None = None
    complaints: list[Said] = field(default_factory=list)
    resolutions: list[Said] = field(default_factory=list)
    unhappy_at_ms: int = -1


def _is_said(entry: Interaction) -> bool:
    return entry.kind in ("complaint", "complaint_resolved") or entry.score is not None


@trigger(
    on=(Interaction, Tick), heeds=_is_said, config=Config, state=State, quiet=("still_unhappy",), state_bytes_max=1280
)
def service_recovery(entry: Interaction | Tick, state: State, config: Config) -> Iterator[Candidate]:
    if isinstance(entry, Tick):
        yield from _escalate(entry.at_ms, state, config)
        yield from _follow_up(entry.at_ms, state, config)
    else:
        if entry.score is not None and entry.score <= config.score_max:
            state.unhappy_at_ms = max(state.unhappy_at_ms, entry.at_ms)
        if entry.kind == "complaint":
            state.complaints = _with(entry, state.complaints, config)
        elif entry.kind == "complaint_resolved":
            state.resolutions = _with(entry, state.resolutions, config)
        else:
            return
    state.due_ms = _due_ms(state, config)


def _with(entry: Interaction, several: list[Said], config: Config) -> list[Said]:
    if any(one.event == entry.id for one in several):
        return several
    said = Said(entry.at_ms, entry.subject or "", entry.id, entry.position)
    return sorted([*several, said], key=lambda one: (one.at_ms, one.event))[-config.complaints_kept_max :]


def _due_ms(state: State, config: Config) -> int | None:
    due = [one.at_ms + milliseconds(config.resolve_within) for one in _open(state) if not one.is_done]
    if fresh := _to_follow_up(state):
        due.append(fresh[-1].at_ms + milliseconds(config.follow_up_after))
    return min(due, default=None)


def _open(state: State) -> list[Said]:
    return [one for one in state.complaints if first_resolution(one, state.resolutions) is None]


def _to_follow_up(state: State) -> list[Said]:
    return [one for one in state.resolutions if not one.is_done]


def _escalate(now_ms: int, state: State, config: Config) -> Iterator[Candidate]:
    within_ms = milliseconds(config.resolve_within)
    waiting = [one for one in _open(state) if not one.is_done]
    for complaint in waiting:
        if complaint.is_done or complaint.at_ms + within_ms > now_ms:
            continue
        same = [one for one in waiting if not one.is_done and one.is_about(complaint.subject)]
        for one in same:
            one.is_done = True
        open_ms = now_ms - complaint.at_ms
        yield Candidate(
            action="escalate_complaint",
            at_ms=complaint.at_ms + within_ms,
            causes=tuple(one.cause for one in same),
            because=f"{counted(len(same), 'complaint')} without a resolution, the first for {length(open_ms)}",
            subject=_subject(complaint),
            measured={"open_hours": Measure(open_ms // HOUR_MS, within_ms // HOUR_MS)},
            risk=config.risk_unresolved,
        )


def _follow_up(now_ms: int, state: State, config: Config) -> Iterator[Candidate]:
    fresh, after_ms = _to_follow_up(state), milliseconds(config.follow_up_after)
    if not fresh or fresh[-1].at_ms + after_ms > now_ms:
        return
    resolved = [one for one in state.complaints if first_resolution(one, state.resolutions) in fresh]
    for one in (*fresh, *resolved):
        one.is_done = True
    last_ms = fresh[-1].at_ms
    hours = {"resolved_hours": Measure((now_ms - last_ms) // HOUR_MS, after_ms // HOUR_MS)}
    if resolved:  # a resolution whose complaint was never heard of is one all the same
        took_hours = (last_ms - resolved[0].at_ms) // HOUR_MS
        hours["taken_hours"] = Measure(took_hours, milliseconds(config.resolve_within) // HOUR_MS)
    unhappy = _why_unhappy(now_ms, fresh[0].at_ms, state, config)
    because = f"a complaint was resolved {length(now_ms - last_ms)} ago"
    yield Candidate(
        action="follow_up_call",
        at_ms=last_ms + after_ms,
        causes=tuple(one.cause for one in sorted([*resolved, *fresh], key=lambda one: one.at_ms)),
        because=f"{because}, but {unhappy}" if unhappy else because,
        subject=_subject((resolved or fresh)[0]),
        measured=hours,
        risk=None if unhappy else config.risk_resolved,
        expires_at_ms=last_ms + milliseconds(config.act_within),
        quiet="still_unhappy" if unhappy else None,
    )


def _why_unhappy(now_ms: int, since_ms: int, state: State, config: Config) -> str | None:
    oldest_ms = now_ms - milliseconds(config.open_max)
    if any(one.at_ms > oldest_ms for one in _open(state)):
        return "another one is open"
    return "a low score came with it or since" if state.unhappy_at_ms >= since_ms else None


def _subject(complaint: Said) -> dict[str, str]:
    """What the complaint is about, where it says so."""
    return {"about": complaint.subject} if complaint.subject else {}
