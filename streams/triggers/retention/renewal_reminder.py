"""Renewal reminder: a term ends soon, and there is a good moment to say so.

Why: who has just had a good day with a thing renews it; who is asked on the last day has looked elsewhere.
Action: renewal_offer, with all that is known filled in (`prefilled`), so that renewing is one step: an hour (`settle`)
    after a good use within `window` before the end; without one, at the last call. One for each term.
Quiet when: automatic renewal is on (`auto_renewal`, said at the last call). The term was renewed, cancelled or not
    renewed, or nobody says when it ends: nothing is due. After a poor use the moment is no longer good: it waits for
    the next good one, or the last call. An open or fresh complaint is the arbiter's to see: the reminder is held.
Source: the renewal timed by good use of the mission, never just before the end if it can be helped.

    signed                        good use                          ends
    --o---------------|---------------o--> fires --------|-----------|
                      |<------------- window ----------------------->|
                                        last call here ->|<-last_call|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.calendar import add_months, local
from streams.events import Cause, Contract, Usage
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.agreements import Agreement, Word, learn, next_end_ms, shortened_ms
from streams.triggers.bounded import put_last
from streams.triggers.wording import DAY_MS, length

AUTO_RENEWAL = "auto_renewal"
REMINDED = "reminded"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    window: Annotated[timedelta, Meta(description="how long before the end a good use is a good moment")] = timedelta(
        days=45
    )
    last_call: Annotated[
        timedelta,
        Meta(description="how long before the end it is said without a good use; in a shorter window so much later"),
    ] = timedelta(days=10)
    window_percent_max: Annotated[
        int, Meta(ge=1, le=100, description="longest window, percent of the term: a short one gets a short window")
    ] = 25
    score_min: Annotated[
        int, Meta(ge=0, le=10, description="lowest score of a good use; one without a score is good, too")
    ] = 6
    settle: Annotated[
        timedelta, Meta(description="how long after a use or a word on the contract it is said: others may come late")
    ] = timedelta(hours=1)
    term_months: Annotated[
        int, Meta(ge=1, le=120, description="term that is proposed where nobody said how long the last one was")
    ] = 12
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely who uses it well doesn't renew")] = 0.3
    risk_without_good_use: Annotated[
        float, Meta(ge=0, le=1, description="how likely who had no good use in the window doesn't renew")
    ] = 0.6
    contracts_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="contracts remembered, latest heard of; as many products' uses")
    ] = 6
    words_kept_max: Annotated[int, Meta(ge=4, le=64, description="events remembered of a contract, newest kept")] = 4


class Use(Struct, array_like=True):
    """The latest good use of a product, and when the latest poor one was; -1: none."""

    good_ms: int = -1
    event: str = ""
    position: int = -1
    score: int | None = None
    poor_ms: int = -1

    def take(self, entry: Usage, score_min: int) -> None:
        """One more use, whenever it was."""
        if entry.score is not None and entry.score < score_min:
            self.poor_ms = max(self.poor_ms, entry.at_ms)
        elif (entry.at_ms, entry.id) > (self.good_ms, self.event):
            self.good_ms, self.event, self.position, self.score = entry.at_ms, entry.id, entry.position, entry.score


class State(Struct, array_like=True):
    due_ms: int | None = None
    contracts: dict[str, Agreement] = field(default_factory=dict)
    uses: dict[str, Use] = field(default_factory=dict)


class Moment(Struct, frozen=True):
    """When to speak of a term: `at_ms` is what it is about, `due_ms` when it is said; `use` is the good one, if any."""

    term: Word
    starts_at_ms: int | None
    ends_at_ms: int
    at_ms: int
    due_ms: int
    window_ms: int
    use: Use | None = None
    quiet: str | None = None


@trigger(on=(Contract, Usage, Tick), config=Config, state=State, quiet=(AUTO_RENEWAL,), state_bytes_max=4096)
def renewal_reminder(
    entry: Contract | Usage | Tick, state: State, config: Config, customer: Facts
) -> Iterator[Candidate]:
    if isinstance(entry, Contract):
        learn(state.contracts, entry, config.contracts_kept_max, config.words_kept_max)
    elif isinstance(entry, Usage):
        use = state.uses.pop(entry.product, None) or Use()
        put_last(state.uses, entry.product, use, config.contracts_kept_max)
        use.take(entry, config.score_min)
    else:
        for name, agreement in state.contracts.items():
            moment = _moment(agreement, state.uses.get(agreement.product), config)
            if moment is not None and moment.due_ms <= entry.at_ms:
                moment.term.told.append(moment.quiet or REMINDED)
                yield _candidate(name, agreement, moment, config, customer.dossier.time_zone)
    state.due_ms = min(_dues(state, config), default=None)


def _dues(state: State, config: Config) -> Iterator[int]:
    for agreement in state.contracts.values():
        moment = _moment(agreement, state.uses.get(agreement.product), config)
        if moment is not None:
            yield moment.due_ms


def _moment(agreement: Agreement, use: Use | None, config: Config) -> Moment | None:
    """The moment to speak of a contract's term, as far as is known now; None if there is nothing to say."""
    term = agreement.term()
    ends_ms = agreement.ends_at_ms(term) if term else None
    if term is None or ends_ms is None or REMINDED in term.told:
        return None
    starts_ms = term.starts_at_ms if term.starts_at_ms is not None and term.starts_at_ms < ends_ms else None
    since_ms = min(term.at_ms, ends_ms) if starts_ms is None else starts_ms
    window_ms = shortened_ms(config.window, config.window_percent_max, since_ms, ends_ms)
    last_call_ms = ends_ms - _last_call(config, window_ms)
    settled_ms = agreement.words[-1].at_ms + milliseconds(config.settle)
    if agreement.auto_renewal():
        if AUTO_RENEWAL in term.told:
            return None
        due_ms = max(last_call_ms, settled_ms)
        return Moment(term, starts_ms, ends_ms, last_call_ms, due_ms, window_ms, quiet=AUTO_RENEWAL)
    if use is not None and ends_ms - window_ms <= use.good_ms < last_call_ms and use.poor_ms < use.good_ms:
        due_ms = max(min(use.good_ms + milliseconds(config.settle), last_call_ms), settled_ms)
        return Moment(term, starts_ms, ends_ms, use.good_ms, due_ms, window_ms, use=use)
    return Moment(term, starts_ms, ends_ms, last_call_ms, max(last_call_ms, settled_ms), window_ms)


def _last_call(config: Config, window_ms: int) -> int:
    """How long before the end the last call is, in ms; in a shorter window so much later."""
    full_ms = milliseconds(config.window)
    return min(milliseconds(config.last_call), full_ms) * window_ms // full_ms if full_ms else 0


def _candidate(name: str, agreement: Agreement, moment: Moment, config: Config, zone: str) -> Candidate:
    newest, use = agreement.words[-1], moment.use
    causes = [moment.term.cause, *([newest.cause] if newest is not moment.term else [])]
    score = {"score": Measure(use.score, config.score_min)} if use and use.score is not None else {}
    risk = config.risk if use else config.risk_without_good_use
    return Candidate(
        action="renewal_offer",
        at_ms=moment.at_ms,
        causes=(*causes, *([Cause(use.event, use.position)] if use else [])),
        because=_in_words(agreement.product, moment, zone),
        subject={"contract": name, "product": agreement.product},
        measured={
            "days_left": Measure((moment.ends_at_ms - moment.at_ms) // DAY_MS, moment.window_ms // DAY_MS),
            "moment": Measure("good_use" if use else "last_call"),
            **score,
        },
        prefilled=_prefilled(name, agreement.product, moment, config, zone),
        risk=None if moment.quiet else risk,
        expires_at_ms=moment.ends_at_ms,
        quiet=moment.quiet,
    )


def _prefilled(name: str, product: str, moment: Moment, config: Config, zone: str) -> dict[str, str | int]:
    """The next term as it would be if nothing changed; a price only where the last one is known."""
    starts_ms, ends_ms = moment.starts_at_ms, moment.ends_at_ms
    new_end_ms = (
        next_end_ms(starts_ms, ends_ms, zone)
        if starts_ms is not None
        else add_months(ends_ms, config.term_months, zone)
    )
    return {
        "contract": name,
        "product": product,
        "ends_at_ms": ends_ms,
        "new_starts_at_ms": ends_ms,
        "new_ends_at_ms": new_end_ms,
        **moment.term.price,
    }


def _in_words(product: str, moment: Moment, zone: str) -> str:
    day, price = local(moment.ends_at_ms, zone).date().isoformat(), moment.term.at_price
    left = length(moment.ends_at_ms - moment.at_ms)
    if moment.quiet:
        return f"{product} renews itself{price} on {day}"
    if moment.use is None:
        return f"the term of {product}{price} ends on {day}, in {left}, and there was no good use before"
    scored = "" if moment.use.score is None else f" (score {moment.use.score})"
    return f"a good use of {product}{scored}, {left} before its term{price} ends on {day}"
