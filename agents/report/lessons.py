"""What the figures suggest to change: a proposal with the evidence for each change. Nothing is applied."""

from collections.abc import Iterator
from math import floor

import msgspec
from msgspec import Struct

from agents.report.figures import ENOUGH, figures
from agents.report.intervals import Share
from agents.report.ledger import Check, Ledger
from streams.config import Config

ANSWERS_MIN = 30  # of cardholders, before a threshold is touched
KEPT_FRAUDS = 0.95  # a threshold is raised only as far as this share of the known frauds is still asked about
GENUINE_LESS_MIN = 0.1  # and only if it spares at least this share of the honest ones
# Thresholds of fraud triggers that may be raised, by what a decision has measured against them.
RAISABLE: dict[str, dict[str, str]] = {
    "card_testing": {"usual_times": "usual_times_min", "amount_minor": "large_minor_min"},
}


class Lesson(Struct, frozen=True):
    """One change of the config: `path` as in `triggers.card_testing.large_minor_min`."""

    path: str
    now: float | int
    proposed: float | int
    evidence: str


def lessons(ledger: Ledger, config: Config) -> list[Lesson]:
    """All that the ledger suggests to change in a config, sorted by path."""
    found = [*_thresholds(ledger, config), *_acceptances(ledger, config)]
    return sorted(found, key=lambda one: one.path)


def known(ledger: Ledger) -> str:
    """How much there is to learn from, and how much it takes."""
    answers = sum(one.answer is not None for one in ledger.answered_checks())
    most = max((one.accepted.total for one in figures(ledger).acceptance), default=0)
    return (
        f"Cardholders' answers: {answers}; from {ANSWERS_MIN} on, thresholds are looked at. "
        f"Most of one offer to one segment: {most}; from {ENOUGH} on, its figure is."
    )


def _thresholds(ledger: Ledger, config: Config) -> Iterator[Lesson]:
    checks = [one for one in ledger.answered_checks() if one.answer]
    for trigger, names in RAISABLE.items():
        own = [one for one in checks if one.decision.trigger == trigger]
        for measure, parameter in names.items():
            now = getattr(config.triggers[trigger].parameters, parameter)
            lesson = _raised(own, measure, now)
            if lesson is not None:
                yield Lesson(f"triggers.{trigger}.{parameter}", now, *lesson)


def _raised(checks: list[Check], measure: str, now: float) -> tuple[float | int, str] | None:
    """A higher threshold that spares honest cardholders and still meets nearly all frauds; None if there is none."""
    values: dict[str, list[float]] = {"fraud": [], "genuine": []}
    for check in checks:
        measured = check.decision.measured.get(measure)
        if measured is not None and isinstance(measured.value, int | float) and check.answer in values:
            values[check.answer].append(measured.value)
    frauds, genuine = sorted(values["fraud"]), values["genuine"]
    if len(frauds) + len(genuine) < ANSWERS_MIN or not frauds or not genuine:
        return None
    proposed = floor(frauds[floor(len(frauds) * (1 - KEPT_FRAUDS))])
    spared = sum(value < proposed for value in genuine)
    if proposed <= now or spared < GENUINE_LESS_MIN * len(genuine):
        return None
    kept = sum(value >= proposed for value in frauds)
    evidence = f"{spared} of {len(genuine)} honest cardholders not asked, {kept} of {len(frauds)} frauds still met"
    return proposed, evidence


def _acceptances(ledger: Ledger, config: Config) -> Iterator[Lesson]:
    """Figures of offers that the responses contradict: the figure lies outside of what was seen."""
    for one in figures(ledger).acceptance:
        offer = config.policy.offers.get(one.action, {}).get(one.offer)
        if offer is None or one.accepted.total < ENOUGH:
            continue
        now = offer.acceptance.get(one.segment, config.policy.acceptance_default)
        if _contradicts(one.accepted, now):
            path = f"policy.offers.{one.action}.{one.offer}.acceptance.{one.segment}"
            seen = one.accepted
            evidence = f"{seen.count} of {seen.total} accepted, 95 % between {seen.low:.3f} and {seen.high:.3f}"
            yield Lesson(path, now, round(seen.share or 0.0, 3), evidence)


def _contradicts(seen: Share, figure: float) -> bool:
    return seen.low is not None and seen.high is not None and not seen.low <= figure <= seen.high


def proposed(lessons_learnt: list[Lesson], document: dict[str, object]) -> dict[str, object]:
    """A config's document with the changes made."""
    changed: dict[str, object] = msgspec.json.decode(msgspec.json.encode(document))
    for lesson in lessons_learnt:
        *way, last = lesson.path.split(".")
        at: object = changed
        for key in way:
            at = at.setdefault(key, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at[last] = lesson.proposed
    return changed
