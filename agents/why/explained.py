"""An explanation as a person reads it: lines of text, and tables as rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agents.why import words
from agents.why.explain import Cause, Explanation
from agents.why.history import Asked, Step
from streams import topics, turn
from streams.actions import ACTIONS, Decision

BY = {"event": "an event came in", "tick": "time had passed", "config": "the rules changed", "forget": "a request"}
NOTHING = "nothing against it"
Row = tuple[object, ...]


class Section(NamedTuple):
    """A part of a page: a title, sentences, and a table under its columns."""

    title: str
    lines: list[str]
    columns: tuple[str, ...] = ()
    rows: Sequence[Row] = ()


def sections(told: Explanation) -> Iterator[Section]:
    """The whole explanation in its order."""
    one = told.decision
    because = [f"Because {one.because}."] if one.because else []
    yield Section("", [words.headline(one), *because, words.outcome(one)])
    yield Section("Values against thresholds", [], words.MEASURED, list(words.measures(one)))
    title = f"Journal entries behind it ({topics.JOURNAL.name}, partition {told.partition})"
    yield Section(title, [], ("offset", "when", "what", "came from"), [_cause(cause) for cause in told.causes])
    yield Section("Risk and offer", list(_choice(one)))
    yield Section("What the arbiter asked", list(_fate(told)), ("when", "entry", "asked", "answer"), _answers(told))
    yield Section("By which rules", _rules(told))


def _cause(cause: Cause) -> Row:
    if cause.event is None or cause.source is None:
        return (cause.position, "-", f"{cause.id}: not in this journal", "-")
    source = "/".join(map(str, cause.source.values()))
    return (cause.position, words.day(cause.event.at_ms), words.event(cause.event), source)


def _choice(one: Decision) -> Iterator[str]:
    if one.risk is not None:
        shares = [f"{name} {share:.3f}" for name, share in one.risk_shares.items()]
        yield f"Risk {one.risk:.3f}" + (f": {words.listed(shares)}." if shares else ".")
    if one.rank_minor is not None:
        yield f"Value {one.value_minor} a year, so {one.rank_minor} are at risk (minor units)."
    if one.acceptance is not None:
        offer = f"offer {one.offer}" if one.offer else "no offers to choose from"
        yield f"Segment {one.segment}: {offer}, accepted by {100 * one.acceptance:.0f} % of such customers."
    if one.channel is not None:
        yield f"Channel {one.channel}."


def _fate(told: Explanation) -> Iterator[str]:
    if told.preferred is not None:
        other = told.preferred
        yield f"Preferred: {other.action} of {other.trigger} ({other.id})."
    if told.asked[-1].decision is None or told.asked[-1].decision.held_until_ms is not None:
        yield f"It still waits at the journal's end (offset {told.journal_position})."


def _answers(told: Explanation) -> list[Row]:
    return [row for asked in told.asked for row in answers(asked)]


def answers(asked: Asked) -> Iterator[Row]:
    """What the arbiter asked about a candidate, and what came of it; neighbours with nothing to object share a row."""
    when, entry = words.day(asked.at_ms), f"{asked.position} ({BY.get(asked.by, asked.by)})"
    silent = [step.objection for step in asked.steps if step.outcome is None]
    if silent:
        yield when, entry, ", ".join(silent), NOTHING
    for step in asked.steps:
        if step.outcome is not None:
            yield when, entry, step.objection, _answer(step)
    yield when, entry, "so" if asked.steps else "nothing", _result(asked)


def _answer(step: Step) -> str:
    until = f" until {words.day(step.until_ms)} at the latest" if step.until_ms is not None else ""
    return f"{step.outcome} ({step.reason}){until}"


def _result(asked: Asked) -> str:
    one = asked.decision
    if one is None:
        is_collected = asked.ruling[0] == "sent" and ACTIONS[asked.action].is_offer
        return f"waits ({turn.COLLECTING}: others may compete)" if is_collected else "waits"
    until = f" until {words.day(one.held_until_ms)} at the latest" if one.held_until_ms is not None else ""
    reason = f" ({one.reason})" if one.reason else ""
    return f"{one.outcome}{reason}{until}"


def _rules(told: Explanation) -> list[str]:
    rules, one = told.rules, told.decision
    lines = [f"Version {rules.version}, in the journal at offset {rules.position}. Decision {one.id}."]
    if rules.mode is not None:
        parameters = [f"{name} {value}" for name, value in rules.parameters.items()]
        lines.append(f"{one.trigger} ({rules.mode}): {words.listed(parameters)}.")
    return lines


def nonempty(several: Iterable[Section]) -> Iterator[Section]:
    """Those that have something to say."""
    return (one for one in several if one.lines or one.rows)
