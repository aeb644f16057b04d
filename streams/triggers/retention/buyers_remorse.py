"""Buyer's remorse: something that one uses at once was bought or enrolled in, and hasn't been used since.

Why: who hasn't begun in the first days mostly never does, regrets the money and leaves with it.
Action: getting_started_help, `help_after` it could be used; right_size, `right_size_after` that, if it is still unused:
    something smaller suits better than nothing.
Quiet when: it isn't a thing that one uses at once (`used_at_once`), or it was used; of a contract that was cancelled or
    is over by then (`ended`) it is recorded.
Source: the buyer's remorse of the mission. What is first used long after, as cards and accounts, is another question.

    bought                      |help          |right_size
    --o-------------------------o--------------o--->   neither, once it is used
      |<----- help_after ------>|<-right_size->|
                                     _after
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Cause, Contract, Purchase, Usage
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.wording import DAY_MS, length


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    used_at_once: Annotated[
        tuple[str, ...],
        Meta(description="categories of purchases, and products of contracts, used at once; empty: all"),
    ] = ("course", "subscription", "membership", "software", "service_plan")
    help_after: Annotated[timedelta, Meta(description="how long unused, before help is offered")] = timedelta(days=7)
    right_size_after: Annotated[timedelta, Meta(description="how long unused after that, before less is proposed")] = (
        timedelta(days=21)
    )
    act_within: Annotated[timedelta, Meta(description="how long after its time each of the two makes sense")] = (
        timedelta(days=14)
    )
    help_risk: Annotated[float, Meta(ge=0, le=1, description="how likely one who hasn't begun leaves")] = 0.3
    right_size_risk: Annotated[float, Meta(ge=0, le=1, description="the same where help changed nothing")] = 0.5
    things_kept_max: Annotated[int, Meta(ge=1, le=32, description="things bought remembered, latest kept")] = 6


class Thing(Struct, array_like=True):
    """Something bought or enrolled in.

    Attributes:
        contract: its contract, empty without one.
        from_ms: since when it can be used.
        due_ms: when the next step is due; None: it was used, has ended, or all was said.
        is_helped: whether help was offered, so that less is proposed next.
    """

    product: str
    contract: str
    at_ms: int
    from_ms: int
    event: str
    position: int
    due_ms: int | None = None
    is_helped: bool = False


class State(Struct, array_like=True):
    due_ms: int | None = None
    things: list[Thing] = field(default_factory=list)


@trigger(on=(Purchase, Contract, Usage, Tick), config=Config, state=State, quiet=("ended",), state_bytes_max=2048)
def buyers_remorse(
    entry: Purchase | Contract | Usage | Tick, state: State, config: Config, customer: Facts
) -> Iterator[Candidate]:
    if isinstance(entry, Tick):
        for one in state.things:
            if one.due_ms is not None and one.due_ms <= entry.at_ms:
                yield from _decide(one, one.due_ms, entry.at_ms, config, customer)
    elif isinstance(entry, Usage):
        _use(entry, state)
    elif thing := _used_at_once(entry, config):
        _begin(thing, state, config, customer)
    state.due_ms = min((one.due_ms for one in state.things if one.due_ms is not None), default=None)


def _used_at_once(entry: Purchase | Contract, config: Config) -> Thing | None:
    """What was bought or enrolled in, if one uses such a thing at once."""
    if isinstance(entry, Purchase):
        name, contract, from_ms = entry.category, "", entry.booked_from_ms
    else:
        name, contract, from_ms = entry.product, entry.contract, entry.starts_at_ms
        if entry.status != "signed":
            return None
    if config.used_at_once and name not in config.used_at_once:
        return None
    return Thing(entry.product, contract, entry.at_ms, max(entry.at_ms, from_ms or 0), entry.id, entry.position)


def _use(entry: Usage, state: State) -> None:
    """A use ends the waiting."""
    for thing in state.things:
        if thing.product == entry.product and entry.quantity and entry.at_ms >= thing.at_ms:
            thing.due_ms = None


def _begin(thing: Thing, state: State, config: Config, customer: Facts) -> None:
    """Wait for the use of a thing, unless it is known: who buys it again knows it already."""
    known = next((one for one in state.things if one.product == thing.product), None)
    if known is None or _is_new_term(known, thing.contract):
        thing.due_ms = thing.from_ms + milliseconds(config.help_after)
        others = [one for one in state.things if one is not known]
        state.things = sorted([*others, thing], key=lambda one: (one.at_ms, one.event))[-config.things_kept_max :]
        known = thing
    else:
        _join(known, thing, config)
    if customer.uses.get(known.product, -1) >= known.at_ms:
        known.due_ms = None  # the use arrived before the purchase


def _join(known: Thing, again: Thing, config: Config) -> None:
    """A purchase and a contract of the same thing, in either order, or the thing once more."""
    known.contract = known.contract or again.contract
    if known.due_ms is None or known.is_helped:
        return
    if again.at_ms < known.at_ms:
        known.at_ms, known.event, known.position = again.at_ms, again.event, again.position
    if again.contract:  # it knows when the thing can be used
        known.from_ms = max(known.from_ms, again.from_ms)
        known.due_ms = known.from_ms + milliseconds(config.help_after)


def _is_new_term(known: Thing, contract: str) -> bool:
    """Whether it is enrolled in again after all was said about the contract before."""
    return known.due_ms is None and bool(known.contract) and contract not in ("", known.contract)


def _decide(thing: Thing, due_ms: int, now_ms: int, config: Config, customer: Facts) -> Iterator[Candidate]:
    is_late = now_ms >= due_ms + milliseconds(config.act_within)  # a history read in late is no news
    has_ended = _has_ended(thing, now_ms, customer)
    if not is_late:
        yield _candidate(thing, due_ms, config, quiet="ended" if has_ended else None)
    if is_late or has_ended or thing.is_helped:
        thing.due_ms = None
    else:
        thing.is_helped, thing.due_ms = True, now_ms + milliseconds(config.right_size_after)


def _has_ended(thing: Thing, now_ms: int, customer: Facts) -> bool:
    """Whether its contract was cancelled or is over; not of what has none."""
    term = customer.dossier.terms.get(thing.contract)
    return term is not None and (term.status in ("cancelled", "not_renewed") or not term.runs(now_ms))


def _candidate(thing: Thing, due_ms: int, config: Config, quiet: str | None) -> Candidate:
    action, risk = (
        ("right_size", config.right_size_risk) if thing.is_helped else ("getting_started_help", config.help_risk)
    )
    least_ms = milliseconds(config.help_after) + milliseconds(config.right_size_after) * thing.is_helped
    unused_ms = due_ms - thing.from_ms
    ended = ", and its contract has ended" if quiet else ""
    return Candidate(
        action=action,
        at_ms=due_ms,
        causes=(Cause(thing.event, thing.position),),
        because=f"{thing.product} not used for {length(unused_ms)} since it could be{ended}",
        subject={"product": thing.product} | ({"contract": thing.contract} if thing.contract else {}),
        measured={"unused_days": Measure(unused_ms // DAY_MS, least_ms // DAY_MS)},
        risk=None if quiet else risk,
        expires_at_ms=due_ms + milliseconds(config.act_within),
        quiet=quiet,
    )
