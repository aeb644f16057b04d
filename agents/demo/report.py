"""What a run showed: the figures, whether all is as it should be, and two decisions in words."""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from agents import verify
from agents.demo import truth
from agents.demo.evidence import Evidence, decisions
from streams.actions import Decision
from streams.partition import RESERVED_KEYS

TOLD_MAX = 3
EXPLAINED = ("verify_with_cardholder", "loan_offer")


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
    """A sent decision, with the journal partition that its causes' positions are in."""

    partition: int
    decision: Decision


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
    """The first of each action that was sent, by event time."""
    examples = []
    for action in EXPLAINED:
        sent = [(number, one) for number, one in decided if (one.action, one.outcome) == (action, "sent")]
        if sent:
            examples.append(Example(*min(sent, key=lambda pair: (pair[1].event_at_ms, pair[1].id))))
    return examples


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
