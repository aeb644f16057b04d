"""Fraud verdict: the cardholder's answer to a fraud check, or its absence.

Why: a confirmed fraud needs a new card at once, or the customer goes with the old one; a genuine purchase must not stay
    blocked; and a question nobody answers must reach a person.
Action: reissue_card (fraud), clear (genuine), escalate (not reached, or no answer within `answer_within`), which is
    said once; a real answer after that still counts, and so does a later one that says the opposite.
Quiet when: the verdict is about no check of ours (it is kept, the check may open later), repeats the last answer, or
    is older than it.
Source: card operations' own practice: the cardholder decides, silence is a case for a person.

    check sent     verdict: fraud            check sent                    verdict: genuine
    --o---------------o---> reissue_card     --o----------------|escalate------o---> clear
                                               |<-answer_within->|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure, Priority
from streams.events import Cause, Verdict
from streams.journal import Tick
from streams.trigger import ActionSent, Candidate, milliseconds, trigger
from streams.triggers.wording import MINUTE_MS, length

CHECK = "verify_with_cardholder"
_ANSWERS: dict[str, tuple[str, Priority, str]] = {
    "fraud": ("reissue_card", "urgent", "the cardholder says the purchase was fraud"),
    "genuine": ("clear", "normal", "the cardholder says the purchase was genuine"),
}


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer_within: Annotated[timedelta, Meta(description="how long an answer may take before a person takes over")] = (
        timedelta(hours=24)
    )
    checks_kept_max: Annotated[int, Meta(ge=1, le=64, description="checks remembered for a customer, latest kept")] = 8
    early_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="verdicts remembered that came before their check, latest kept")
    ] = 4


class Answer(Struct, array_like=True):
    transaction: str
    answer: str
    event: str
    position: int
    at_ms: int


class Check(Struct, array_like=True):
    """A question that was sent. `event` is the questioned purchase, `answer` the latest real one, if any."""

    transaction: str
    card: str
    merchant: str
    event: str
    position: int
    opened_at_ms: int
    is_escalated: bool = False
    answer: str | None = None
    answered_at_ms: int = -1


class State(Struct, array_like=True):
    due_ms: int | None = None
    checks: list[Check] = field(default_factory=list)
    early: list[Answer] = field(default_factory=list)


@trigger(on=(ActionSent, Verdict, Tick), config=Config, state=State)
def fraud_verdict(entry: ActionSent | Verdict | Tick, state: State, config: Config) -> Iterator[Candidate]:
    if isinstance(entry, ActionSent):
        yield from _on_sent(entry, state, config)
    elif isinstance(entry, Verdict):
        yield from _on_verdict(entry, state, config)
    else:
        yield from _on_tick(entry, state, config)
    waiting = [check.opened_at_ms for check in state.checks if check.answer is None and not check.is_escalated]
    state.due_ms = min(waiting) + milliseconds(config.answer_within) if waiting else None


def _on_sent(sent: ActionSent, state: State, config: Config) -> Iterator[Candidate]:
    if sent.action != CHECK:
        return
    transaction, card, merchant = (sent.subject[name] for name in ("transaction", "card", "merchant"))
    if any(check.transaction == transaction for check in state.checks):
        return  # two triggers asked about the same purchase
    check = Check(transaction, card, merchant, sent.causes[-1].event, sent.causes[-1].position, sent.at_ms)
    state.checks = [*state.checks, check][-config.checks_kept_max :]
    early = [answer for answer in state.early if answer.transaction == transaction]
    state.early = [answer for answer in state.early if answer.transaction != transaction]
    for answer in early:
        yield from _take(check, answer, config)


def _on_verdict(verdict: Verdict, state: State, config: Config) -> Iterator[Candidate]:
    answer = Answer(verdict.transaction, verdict.answer, verdict.id, verdict.position, verdict.at_ms)
    for check in state.checks:
        if check.transaction == verdict.transaction:
            yield from _take(check, answer, config)
            return
    state.early = [*state.early, answer][-config.early_kept_max :]


def _on_tick(tick: Tick, state: State, config: Config) -> Iterator[Candidate]:
    latest_ms = tick.at_ms - milliseconds(config.answer_within)
    for check in state.checks:
        if check.answer is None and not check.is_escalated and check.opened_at_ms <= latest_ms:
            check.is_escalated = True
            because = f"the cardholder has not answered for {length(tick.at_ms - check.opened_at_ms)}"
            yield _candidate(check, None, ("escalate", "urgent", because), tick.at_ms, config)


def _take(check: Check, answer: Answer, config: Config) -> Iterator[Candidate]:
    if answer.answer in _ANSWERS:
        if answer.answer != check.answer and answer.at_ms >= check.answered_at_ms:
            check.answer, check.answered_at_ms = answer.answer, answer.at_ms
            yield _candidate(check, answer, _ANSWERS[answer.answer], answer.at_ms, config)
    elif check.answer is None and not check.is_escalated:
        check.is_escalated = True
        yield _candidate(check, answer, ("escalate", "urgent", "the cardholder was not reached"), answer.at_ms, config)


def _candidate(
    check: Check, answer: Answer | None, request: tuple[str, Priority, str], at_ms: int, config: Config
) -> Candidate:
    action, priority, because = request
    within_minutes = milliseconds(config.answer_within) // MINUTE_MS
    open_minutes = max(0, at_ms - check.opened_at_ms) // MINUTE_MS  # an early answer is older than its check
    answered = (Cause(answer.event, answer.position),) if answer else ()
    return Candidate(
        action=action,
        at_ms=at_ms,
        causes=(Cause(check.event, check.position), *answered),
        because=because,
        subject={"card": check.card, "merchant": check.merchant, "transaction": check.transaction},
        measured={
            "answer": Measure(answer.answer if answer else "none"),
            "open_minutes": Measure(open_minutes, within_minutes),
        },
        risk={"reissue_card": 1.0, "clear": 0.0}.get(action),
        priority=priority,
    )
