"""Auto-renewal safeguard: a contract is about to renew itself, or has done so.

Why: who pays for something that was forgotten feels cheated, and leaves with everything else; who is asked first, and
    told plainly what was paid, stays.
Action: still_wanted_check, once for each term, `notice` before a renewal of what wasn't used in the term, with a plain
    way to cancel (`prefilled`); payment_confirmation after every renewal that happened by itself.
Quiet when: it was used in the term (`used`). The renewal is heard of only so late that a confirmation would puzzle
    (`too_late`). Automatic renewal is off, or the contract has ended: nothing renews itself.
Source: the subscription trap, and the consumer rules that grew from it: tell before, confirm after.

    signed, auto-renewal on        unused: still wanted?    renewed
    --o---------------------------------|---------------------o--> payment_confirmation
      |<------------ no use ----------->|<------ notice ----->|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.calendar import local
from streams.events import Cause, Contract, Usage
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.agreements import Agreement, Word, learn, shortened_ms
from streams.triggers.bounded import put_last
from streams.triggers.wording import DAY_MS, length

USED, TOO_LATE = "used", "too_late"
CHECKED, CONFIRMED = "checked", "confirmed"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    notice: Annotated[timedelta, Meta(description="how long before an automatic renewal it is asked about")] = (
        timedelta(days=30)
    )
    notice_percent_max: Annotated[
        int, Meta(ge=1, le=100, description="longest notice, percent of the term: a short one gets a short notice")
    ] = 25
    confirm_within: Annotated[timedelta, Meta(description="how long after a renewal a confirmation makes sense")] = (
        timedelta(days=14)
    )
    settle: Annotated[
        timedelta, Meta(description="how long a word on the contract waits for others that come late")
    ] = timedelta(hours=1)
    way_to_cancel: Annotated[
        str, Meta(min_length=1, max_length=256, description="how to cancel, as the message says it")
    ] = "answer no, or switch automatic renewal off in the account"
    risk_unused: Annotated[float, Meta(ge=0, le=1, description="how likely who doesn't use it leaves")] = 0.5
    contracts_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="contracts remembered, latest heard of; as many products' uses")
    ] = 6
    words_kept_max: Annotated[int, Meta(ge=4, le=64, description="events remembered of a contract, newest kept")] = 4


class Use(Struct, array_like=True):
    """The latest use of a product."""

    at_ms: int
    event: str
    position: int


class State(Struct, array_like=True):
    due_ms: int | None = None
    contracts: dict[str, Agreement] = field(default_factory=dict)
    uses: dict[str, Use] = field(default_factory=dict)


class Near(Struct, frozen=True):
    """A term that will renew itself; `at_ms` is when that is asked about, `due_ms` when late words are in, too."""

    product: str
    term: Word
    switch: Word
    starts_at_ms: int
    ends_at_ms: int
    at_ms: int
    due_ms: int


@trigger(on=(Contract, Usage, Tick), config=Config, state=State, quiet=(USED, TOO_LATE), state_bytes_max=4096)
def auto_renewal_safeguard(
    entry: Contract | Usage | Tick, state: State, config: Config, customer: Facts
) -> Iterator[Candidate]:
    if isinstance(entry, Contract):
        learn(state.contracts, entry, config.contracts_kept_max, config.words_kept_max)
    elif isinstance(entry, Usage):
        _use(entry, state, config)
    else:
        for name, agreement in state.contracts.items():
            near = _near(agreement, config)
            if near is not None and near.due_ms <= entry.at_ms:
                near.term.told.append(CHECKED)
                if entry.at_ms < near.ends_at_ms:  # later, the renewal itself is confirmed
                    yield _check(name, near, _use_in(near, agreement, state), config, customer.dossier.time_zone)
            for renewal in _unconfirmed(agreement):
                if renewal.at_ms + milliseconds(config.settle) <= entry.at_ms:
                    renewal.told.append(CONFIRMED)
                    yield _confirmation(name, agreement, renewal, config, entry.at_ms)
    state.due_ms = min(_dues(state, config), default=None)


def _use(entry: Usage, state: State, config: Config) -> None:
    latest = state.uses.pop(entry.product, None)
    if latest is None or (latest.at_ms, latest.event) < (entry.at_ms, entry.id):
        latest = Use(entry.at_ms, entry.id, entry.position)
    put_last(state.uses, entry.product, latest, config.contracts_kept_max)


def _dues(state: State, config: Config) -> Iterator[int]:
    for agreement in state.contracts.values():
        near = _near(agreement, config)
        if near is not None:
            yield near.due_ms
        for renewal in _unconfirmed(agreement):
            yield renewal.at_ms + milliseconds(config.settle)


def _unconfirmed(agreement: Agreement) -> list[Word]:
    """The renewals that happened by themselves and weren't confirmed."""
    return [
        word
        for word in agreement.words
        if word.status == "renewed" and CONFIRMED not in word.told and agreement.auto_renewal(word.at_ms)
    ]


def _near(agreement: Agreement, config: Config) -> Near | None:
    """The renewal that is ahead and wasn't asked about; None without one."""
    term = agreement.term()
    ends_ms = agreement.ends_at_ms(term) if term else None
    switch = agreement.auto_renewal()
    if term is None or ends_ms is None or switch is None or CHECKED in term.told:
        return None
    starts_ms = term.at_ms if term.starts_at_ms is None else term.starts_at_ms
    asked_ms = ends_ms - shortened_ms(config.notice, config.notice_percent_max, starts_ms, ends_ms)
    settled_ms = max(asked_ms, agreement.words[-1].at_ms) + milliseconds(config.settle)
    return Near(agreement.product, term, switch, starts_ms, ends_ms, asked_ms, settled_ms)


def _use_in(near: Near, agreement: Agreement, state: State) -> Use | None:
    """The latest use in the term; None without one."""
    use = state.uses.get(agreement.product)
    return use if use is not None and use.at_ms >= near.starts_at_ms else None


def _check(name: str, near: Near, use: Use | None, config: Config, zone: str) -> Candidate:
    day = local(near.ends_at_ms, zone).date().isoformat()
    unused_ms = max(0, near.at_ms - (use.at_ms if use else near.starts_at_ms))
    used = f"not used for {length(unused_ms)}" if use is None else "it was used in this term"
    return Candidate(
        action="still_wanted_check",
        at_ms=near.at_ms,
        causes=(near.term.cause, near.switch.cause, *([Cause(use.event, use.position)] if use else [])),
        because=f"{near.product} renews itself on {day}{near.term.at_price}; {used}",
        subject={"contract": name, "product": near.product},
        measured={
            "days_left": Measure((near.ends_at_ms - near.at_ms) // DAY_MS, milliseconds(config.notice) // DAY_MS),
            "days_unused": Measure(unused_ms // DAY_MS),
        },
        prefilled={
            "contract": name,
            "product": near.product,
            "renews_at_ms": near.ends_at_ms,
            "way_to_cancel": config.way_to_cancel,
            **near.term.price,
        },
        risk=None if use else config.risk_unused,
        expires_at_ms=near.ends_at_ms,
        quiet=USED if use else None,
    )


def _confirmation(name: str, agreement: Agreement, renewal: Word, config: Config, now_ms: int) -> Candidate:
    expires_ms = renewal.at_ms + milliseconds(config.confirm_within)
    until = {} if renewal.ends_at_ms is None else {"ends_at_ms": renewal.ends_at_ms}
    return Candidate(
        action="payment_confirmation",
        at_ms=renewal.at_ms,
        causes=tuple(word.cause for word in (renewal, agreement.auto_renewal(renewal.at_ms)) if word),
        because=f"{agreement.product} was renewed by itself{renewal.at_price}",
        subject={"contract": name, "product": agreement.product},
        measured={
            "days_ago": Measure((now_ms - renewal.at_ms) // DAY_MS, milliseconds(config.confirm_within) // DAY_MS)
        },
        prefilled={
            "contract": name,
            "product": agreement.product,
            "paid_at_ms": renewal.at_ms,
            "way_to_cancel": config.way_to_cancel,
            **until,
            **renewal.price,
        },
        expires_at_ms=expires_ms,
        quiet=TOO_LATE if now_ms >= expires_ms else None,
    )
