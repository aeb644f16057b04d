"""What a run showed: the figures, whether all is as it should be, and some decisions in words."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from agents import verify
from agents.demo import truth
from agents.demo.evidence import Evidence, decisions
from streams.actions import ACTIONS, Decision
from streams.arbiter import REASONS
from streams.partition_record import RESERVED_KEYS

TOLD_MAX = 3


class Count(Struct, frozen=True):
    """How often a trigger came to an outcome, and why where there is a reason."""

    trigger: str
    outcome: str
    reason: str
    count: int


class FalseAlarm(Struct, frozen=True):
    """How often a trigger spoke where nothing was planted; `situation` names the near miss, if it is a planted one."""

    trigger: str
    situation: str
    count: int


class Example(Struct, frozen=True):
    """A decision to explain, with its candidate's earlier ones and the journal partition of its causes' positions."""

    title: str
    partition: int
    decision: Decision
    before: list[Decision]


class Report(Struct, kw_only=True):
    """The result; `problems` is empty when all is as it should be.

    Attributes:
        seconds: from the first record sent to the last decision.
        entries: journal entries applied, by kind.
        repeated_events: events that a source sent twice; each counted once.
        scores: agreement with what was planted.
        false_alarms: what the triggers fell for.
        dead_letters: by reason.
        repeated_ids: published more than once.
        is_replay_equal: every publication, byte for byte, in order.
        is_state_equal: what the workers keep of each customer, byte for byte.
        worker_restarts: workers that stopped by themselves meanwhile.
        metrics: addresses of the workers' metrics.
    """

    events: int
    seconds: float
    events_per_second: int
    entries: dict[str, int]
    repeated_events: int
    customers: int
    decisions: list[Count]
    scores: tuple[truth.Row, ...]
    false_alarms: list[FalseAlarm]
    dead_letters: dict[str, int]
    dead_letters_expected: dict[str, int]
    repeated_ids: list[str]
    published: int
    is_replay_equal: bool
    is_state_equal: bool
    worker_restarts: int
    examples: list[Example]
    metrics: list[str]
    problems: list[str]


def report(evidence: Evidence, metrics: list[str]) -> Report:
    """Hold the evidence against the labels and against the replay."""
    decided = list(decisions(evidence))
    score = truth.score(evidence.truth, (decision for _, decision in decided))
    differences = list(verify.differences(evidence))
    state_differences = verify.state_differences(evidence)
    machine = evidence.replayed.machine
    return Report(
        events=evidence.sent,
        seconds=round(evidence.seconds, 1),
        events_per_second=round(evidence.sent / evidence.seconds),
        entries=machine.entries,
        repeated_events=machine.repeated,
        customers=sum(key not in RESERVED_KEYS for table in evidence.tables.values() for key in table),
        decisions=_counts(decision for _, decision in decided),
        scores=score.rows,
        false_alarms=_false_alarms(evidence.truth, score.false_alarms),
        dead_letters=dict(sorted(verify.dead_letters(evidence).items())),
        dead_letters_expected=dict(sorted(evidence.unreadable.items())),
        repeated_ids=verify.repeated_ids(evidence),
        published=len(decided),
        is_replay_equal=not differences,
        is_state_equal=not state_differences,
        worker_restarts=evidence.restarts,
        examples=_examples(decided),
        metrics=metrics,
        problems=[*_problems(evidence, score), *_disagreements(evidence, differences, state_differences)],
    )


def _counts(decided: Iterable[Decision]) -> list[Count]:
    counts = Counter((one.trigger, one.outcome, one.reason or "") for one in decided)
    return [Count(*key, count) for key, count in sorted(counts.items())]


def _false_alarms(labels: truth.Truth, alarms: Iterable[Decision]) -> list[FalseAlarm]:
    counts: Counter[tuple[str, str]] = Counter()
    for one in alarms:
        case = truth.near_miss_of(labels, one)
        counts[one.trigger, case.note if case else ""] += 1
    return [FalseAlarm(*key, count) for key, count in sorted(counts.items())]


def _examples(decided: list[tuple[int, Decision]]) -> list[Example]:
    """The first of each kind by event time, where there is one."""
    before: dict[str, list[Decision]] = {}
    for _, one in decided:
        if one.outcome == "held":
            before.setdefault(one.candidate, []).append(one)
    examples = []
    for title, is_such in EXPLAINED.items():
        such = [(number, one) for number, one in decided if is_such(one, before.get(one.candidate, []))]
        if such:
            number, one = min(such, key=lambda pair: (pair[1].event_at_ms, pair[1].id))
            examples.append(Example(title, number, one, before.get(one.candidate, [])))
    return examples


def _is_offer(one: Decision) -> bool:
    return one.action in ACTIONS and ACTIONS[one.action].is_offer


EXPLAINED: dict[str, Callable[[Decision, list[Decision]], bool]] = {
    "A fraud check": lambda one, _: one.action == "verify_with_cardholder" and one.outcome == "sent",
    "An offer that was sent": lambda one, held: _is_offer(one) and one.outcome == "sent" and not held,
    "One that waited for the morning": lambda one, held: (
        one.outcome == "sent" and any(other.reason == "quiet_hours" for other in held)
    ),
    "One that was not sent": lambda one, _: _is_offer(one) and one.outcome == "suppressed" and one.reason in REASONS,
}


def _problems(evidence: Evidence, score: truth.Score) -> Iterator[str]:
    yield from _some(
        "planted, but not found",
        [f"{case.trigger} {case.action} for {case.customer} ({case.note})" for case in score.missed],
    )
    yield from _some("published more than once", verify.repeated_ids(evidence))
    letters = verify.dead_letters(evidence)
    if letters != evidence.unreadable:
        expected, got = (dict(sorted(one.items())) for one in (evidence.unreadable, letters))
        yield f"dead letters: expected {expected}, found {got}"
    if evidence.exit_code:
        yield f"the workers ended with exit code {evidence.exit_code}"


def _disagreements(evidence: Evidence, differences: list[str], state_differences: int) -> Iterator[str]:
    yield from _some("the live run and its replay differ", differences)
    if state_differences:
        yield f"the state of the live run and of its replay differ ({state_differences} records)"
    if evidence.replayed.undecided:
        yield f"never decided ({evidence.replayed.undecided} journal entries)"


def _some(what: str, all_of_them: list[str]) -> Iterator[str]:
    if all_of_them:
        more = "; …" if len(all_of_them) > TOLD_MAX else ""
        yield f"{what} ({len(all_of_them)}): {'; '.join(all_of_them[:TOLD_MAX])}{more}"
