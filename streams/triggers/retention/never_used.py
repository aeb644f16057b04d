"""Never used: a card, an account or another product was opened, and not used once since.

Why: whoever opened something wanted it; a first use soon decides whether it becomes a habit.
Action: activation_offer, once for each contract, when `unused_for` has passed since it was opened or since its term
    began, whichever is later.
Quiet when: it was used, be it once. Nor when the contract ended meanwhile, or is about a product that isn't in
    `products`: what one uses at once, such as a course, is another question. A customer who did use it and then stopped
    is one that has lapsed.
Source: activation campaigns of card issuers and banks; the mission's list.

    opened                                      opened           used
    --o--------------------------|activation    --o----------------o---------|quiet
      |<------ unused_for ------>|                |<------ unused_for ------>|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Cause, Contract
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.bounded import put_last
from streams.triggers.wording import DAY_MS, length


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    products: Annotated[
        tuple[str, ...], Meta(description="products that are opened first and used later; none: every product")
    ] = ("card", "checking", "savings")
    unused_for: Annotated[timedelta, Meta(description="how long after the opening a first use is waited for")] = (
        timedelta(days=45)
    )
    act_within: Annotated[timedelta, Meta(description="how long after that an offer makes sense")] = timedelta(days=60)
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely what was never used stays so")] = 0.3
    contracts_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="contracts remembered for a customer, latest opened")
    ] = 8


class Opened(Struct, array_like=True):
    """A contract that was signed; it stays when it was decided on, so that it is asked about once."""

    product: str
    opened_at_ms: int
    event: str
    position: int
    is_decided: bool = False


class State(Struct, array_like=True):
    due_ms: int | None = None
    contracts: dict[str, Opened] = field(default_factory=dict)


@trigger(on=(Contract, Tick), config=Config, state=State, state_bytes_max=1600)
def never_used(entry: Contract | Tick, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    unused_ms = milliseconds(config.unused_for)
    if isinstance(entry, Contract):
        _open(entry, state, config)
    else:
        for name, opened in state.contracts.items():
            if not opened.is_decided and opened.opened_at_ms + unused_ms <= entry.at_ms:
                opened.is_decided = True
                if _is_in_force(name, entry.at_ms, customer) and not _is_used(name, opened, customer):
                    yield _candidate(name, opened, config)
    waiting = (one.opened_at_ms + unused_ms for one in state.contracts.values() if not one.is_decided)
    state.due_ms = min(waiting, default=None)


def _open(entry: Contract, state: State, config: Config) -> None:
    is_watched = not config.products or entry.product in config.products
    if entry.status == "signed" and is_watched and entry.contract not in state.contracts:
        opened = Opened(entry.product, max(entry.at_ms, entry.starts_at_ms or 0), entry.id, entry.position)
        put_last(state.contracts, entry.contract, opened, config.contracts_kept_max)


def _is_in_force(contract: str, now_ms: int, customer: Facts) -> bool:
    term = customer.dossier.terms.get(contract)
    return term is None or term.runs(now_ms)


def _is_used(contract: str, opened: Opened, customer: Facts) -> bool:
    """A contract that is a card or an account is used under its own name, any other under its product's.

    Under the product's, what was used before may have been another one.
    """
    if contract in customer.uses:
        return True
    is_named = contract in customer.dossier.cards or contract in customer.dossier.accounts
    return not is_named and customer.uses.get(opened.product, -1) >= opened.opened_at_ms


def _candidate(contract: str, opened: Opened, config: Config) -> Candidate:
    unused_ms = milliseconds(config.unused_for)
    at_ms = opened.opened_at_ms + unused_ms
    return Candidate(
        action="activation_offer",
        at_ms=at_ms,
        causes=(Cause(opened.event, opened.position),),
        because=f"{opened.product} was opened {length(unused_ms)} ago and not used once since",
        subject={"product": opened.product, "contract": contract},
        measured={"unused_days": Measure(unused_ms // DAY_MS, unused_ms // DAY_MS), "uses": Measure(0, 1)},
        risk=config.risk,
        expires_at_ms=at_ms + milliseconds(config.act_within),
    )
