"""Lapsed: a customer who used it, and then no more for the business's own cycle.

Why: who stopped for a whole cycle won't come back without a reason, and which reason works depends on what the customer
    was: of several lapsed customers, each gets another offer.
Action: by what the customer was when still there. Left after a quality problem (a complaint or a low score about it,
    within `problem_within` of the last activity): improvement_news, once an improvement of that product was told, even
    if that is after the lapse. Of card customers who paid in full, transactors: cash_back_offer; who carried a balance,
    revolvers: balance_transfer_offer. Unclear: why_survey, for a sample of `survey_percent`. Once for each absence.
Quiet when: a term runs (`term_runs`): while it does the customer hasn't gone, and a cycle begins anew when it ends. The
    account was closed (`closed`). Left after a problem, and nothing was improved since (`no_improvement`). Unclear and
    not in the sample (`not_sampled`). Who never used it is another question; nothing is said.
Source: the mission's table: six calendar months for a card, so that 31 August comes to the end of February.

    last use                             use                          last use           term ends
    --o----------------------|lapsed     --o----------(term runs)--------o------|quiet------o--------------|lapsed
      |<----- cycle -------->|                                           |<-cycle->|        |<-- cycle --->|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams import draw
from streams.actions import Measure
from streams.calendar import add_months, local
from streams.events import CardTransaction, Interaction, Notice, Purchase, Usage
from streams.facts import Facts, Term
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.absence import Line, Mark, closing, ended_ms, put_mark
from streams.triggers.bounded import put_last
from streams.triggers.wording import DAY_MS, counted

CARD = "card"
QUIET = ("term_runs", "closed", "no_improvement", "not_sampled")
_WAS = {"transactor": "paid in full", "revolver": "carried a balance"}
_OFFERS = {"transactor": "cash_back_offer", "revolver": "balance_transfer_offer"}
Months = Annotated[int, Meta(ge=1, le=60)]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cycle_months: Annotated[
        dict[str, Months],
        Meta(description="months without activity, by line: `card` is card purchases, others a product or a category"),
    ] = field(default_factory=lambda: {CARD: 6})
    terms_ignored: Annotated[
        tuple[str, ...], Meta(description="products whose contracts keep nobody: they run whether they are used or not")
    ] = ("card", "checking", "savings", "cd", "loan", "mortgage")
    problem_within: Annotated[
        timedelta, Meta(description="how close to the last activity a problem is taken for the reason")
    ] = timedelta(days=30)
    score_max: Annotated[int, Meta(ge=0, le=10, description="highest score, of 0 to 10, that is a problem")] = 3
    survey_percent: Annotated[
        int, Meta(ge=0, le=100, description="how many are asked why, where nobody knows, in percent")
    ] = 20
    act_within: Annotated[timedelta, Meta(description="how long after that an action makes sense")] = timedelta(days=60)
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely who lapsed stays away")] = 0.6
    lines_kept_max: Annotated[int, Meta(ge=1, le=32, description="lines remembered for a customer, latest used")] = 4
    problems_kept_max: Annotated[int, Meta(ge=1, le=32, description="problems remembered, latest kept")] = 4
    improvements_kept_max: Annotated[int, Meta(ge=1, le=32, description="improvements remembered, latest kept")] = 4


class State(Struct, array_like=True):
    due_ms: int | None = None
    lines: dict[str, Line] = field(default_factory=dict)
    problems: list[Mark] = field(default_factory=list)
    improvements: list[Mark] = field(default_factory=list)


class Reason(Struct, frozen=True):
    """Why the customer may have gone, and what follows; `silence` is a reason to do nothing."""

    action: str
    words: str
    marks: tuple[Mark, ...] = ()
    measured: dict[str, Measure] = {}
    silence: str | None = None


Heard = CardTransaction | Usage | Purchase | Interaction | Notice | Tick


def _is_telling(entry: Heard) -> bool:
    """A use, a problem, or an improvement."""
    if isinstance(entry, CardTransaction):
        return entry.approved and entry.kind == "purchase"
    if isinstance(entry, Interaction):
        return entry.kind == "complaint" or entry.score is not None
    return not isinstance(entry, Notice) or entry.kind == "improvement"


@trigger(
    on=(CardTransaction, Usage, Purchase, Interaction, Notice, Tick),
    heeds=_is_telling,
    config=Config,
    state=State,
    quiet=QUIET,
    state_bytes_max=1600,
)
def lapsed(entry: Heard, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    if isinstance(entry, Tick):
        for line in state.lines.values():
            if line.due_ms is not None and line.due_ms <= entry.at_ms:
                yield from _decide(line, entry.at_ms, state, config, customer)
    elif isinstance(entry, Notice):
        yield from _improved(entry, state, config, customer)
    else:
        _note_problem(entry, state, config)
        if not isinstance(entry, Interaction):
            _use(entry, state, config, customer)
    state.due_ms = min((one.due_ms for one in state.lines.values() if one.due_ms is not None), default=None)


def _note_problem(entry: Heard, state: State, config: Config) -> None:
    """A complaint, or a low score."""
    if isinstance(entry, Interaction):
        subject, is_complaint = entry.subject or "", entry.kind == "complaint"
    elif isinstance(entry, Usage):
        subject, is_complaint = entry.product, False
    else:
        return
    if is_complaint or (entry.score is not None and entry.score <= config.score_max):
        problem = Mark(entry.at_ms, subject, entry.id, entry.position)
        state.problems = put_mark(state.problems, problem, config.problems_kept_max)


def _use(entry: CardTransaction | Usage | Purchase, state: State, config: Config, customer: Facts) -> None:
    product, names = _used(entry)
    name = next((one for one in names if one in config.cycle_months), None)
    if name is None:
        return
    line = state.lines.pop(name, None) or Line(name)
    put_last(state.lines, name, line, config.lines_kept_max)
    if line.use(product, entry.at_ms, entry.cause) and line.due_ms is None:  # a later use moves it when it is due
        line.due_ms = add_months(entry.at_ms, config.cycle_months[name], customer.dossier.time_zone)


def _used(entry: CardTransaction | Usage | Purchase) -> tuple[str, tuple[str, ...]]:
    """What was used, and the lines it may belong to; no lines for what is no activity of the customer."""
    if isinstance(entry, CardTransaction):
        return entry.card, (CARD,)
    if isinstance(entry, Purchase):
        return entry.product, (entry.product, entry.category)
    return entry.product, (entry.product,) if entry.quantity else ()


def _decide(line: Line, now_ms: int, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    """The line's time has come: it lapsed, or it is closed, or a term or a later use puts it off."""
    months = config.cycle_months.get(line.name)
    line.due_ms = None
    if months is None or now_ms < (at_ms := add_months(line.at_ms, months, customer.dossier.time_zone)):
        line.due_ms = at_ms if months is not None else None
        return
    reason = _reason(line, state, config, customer)
    if closed := closing((line.name, line.product), customer, now_ms):
        yield _candidate(line, at_ms, _silenced(reason, "closed", closed), config, customer)
        return
    terms = [term for term in customer.dossier.terms.values() if term.product not in config.terms_ignored]
    if running := [term for term in terms if term.runs(now_ms)]:
        last = max(running, key=lambda term: (term.ends_at_ms or now_ms, term.event))
        line.due_ms = add_months(last.ends_at_ms or now_ms, months, customer.dossier.time_zone)
        if not line.is_term_told:
            line.is_term_told = True
            yield _candidate(line, at_ms, _silenced(reason, "term_runs", last), config, customer)
        return
    at_ms = add_months(max([line.at_ms, *map(ended_ms, terms)]), months, customer.dossier.time_zone)
    if now_ms < at_ms:
        line.due_ms = at_ms
        return
    line.awaits = reason.silence == "no_improvement"
    yield _candidate(line, at_ms, reason, config, customer)


def _silenced(reason: Reason, silence: str, term: Term) -> Reason:
    mark = Mark(term.at_ms, term.product, term.event, term.position)
    return Reason(reason.action, f"a contract for {term.product}: {silence}", (*reason.marks, mark), silence=silence)


def _improved(entry: Notice, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    """An improvement: whoever left because of that learns of it, even now."""
    mark = Mark(entry.at_ms, entry.product, entry.id, entry.position)
    state.improvements = put_mark(state.improvements, mark, config.improvements_kept_max)
    for line in state.lines.values():
        is_waiting = line.awaits and line.name in config.cycle_months
        reason = _reason(line, state, config, customer) if is_waiting else None
        if reason is not None and reason.silence is None and mark in reason.marks:
            line.awaits = False
            if not closing((line.name, line.product), customer, entry.at_ms):
                yield _candidate(line, entry.at_ms, reason, config, customer)


def _reason(line: Line, state: State, config: Config, customer: Facts) -> Reason:
    """What the customer was, as far as is known."""
    if problem := _problem(line, state, config):
        about = {line.name, line.product, problem.subject}
        better = [one for one in state.improvements if one.subject in about and one.at_ms >= problem.at_ms]
        if not better:
            return Reason("improvement_news", "after a problem", (problem,), silence="no_improvement")
        return Reason("improvement_news", "after a problem, and it was improved since", (problem, better[-1]))
    payer = customer.payer_before() if line.name == CARD else "unknown"
    if payer in _OFFERS:
        return Reason(_OFFERS[payer], f"the customer {_WAS[payer]}", measured={"payer": Measure(payer)})
    drawn = draw.percent(line.event)
    silence = None if drawn < config.survey_percent else "not_sampled"
    measured = {"drawn_percent": Measure(drawn, config.survey_percent)}
    return Reason("why_survey", "nobody knows why", measured=measured, silence=silence)


def _problem(line: Line, state: State, config: Config) -> Mark | None:
    """The latest problem about the line that is close to its last activity."""
    within_ms, about = milliseconds(config.problem_within), ("", line.name, line.product)
    near = [one for one in state.problems if one.subject in about and abs(one.at_ms - line.at_ms) <= within_ms]
    return near[-1] if near else None


def _candidate(line: Line, at_ms: int, reason: Reason, config: Config, customer: Facts) -> Candidate:
    months, last = config.cycle_months[line.name], local(line.at_ms, customer.dossier.time_zone).date()
    return Candidate(
        action=reason.action,
        at_ms=at_ms,
        causes=(line.cause, *(mark.cause for mark in reason.marks)),
        because=f"{line.name} was used last on {last}, its cycle is {counted(months, 'month')}; {reason.words}",
        subject={"product": line.name},
        measured={
            "inactive_days": Measure((at_ms - line.at_ms) // DAY_MS),
            "cycle_months": Measure(months),
            **reason.measured,
        },
        risk=config.risk if reason.silence is None else None,
        expires_at_ms=at_ms + milliseconds(config.act_within),
        quiet=reason.silence,
    )
