"""Balance drop: a savings account that held a good sum falls suddenly, and where the money went decides.

Why: money that leaves savings is the earliest sign of a customer who is about to buy, to invest elsewhere, or to go.
Action: by the destination with the largest share: own checking, so something big will be bought: loan_offer; wired out,
    invested elsewhere: adviser_call; cash or unknown: relationship_call; own CD or fund: acknowledge. It waits
    `leg_wait` after the last withdrawal, since the other leg of a transfer may still arrive.
Quiet when: a debt was paid (`debt_paid`), it only moved to other savings of the customer (`kept_in_savings`), the
    money came back (`money_came_back`), or the customer does this every year (`standing_pattern`: tax, tuition).
Source: the destination-aware savings drop of the mission; the average is time-weighted, in whole minor units.

    balance ______________
                          |___   -60 %        leg may arrive
                              |____________|<--- leg_wait --->| decides here, at the tick
            ... average ...|<- window ->|
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import AccountMovement, Cause
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.bounded import put_last
from streams.triggers.destinations import DESTINATIONS, OWN, destination_of
from streams.triggers.savings import Account, Movement
from streams.triggers.wording import money


class Consequence(Struct, frozen=True):
    """What follows where the largest share went there; `risk` is for a whole average withdrawn."""

    action: str
    words: str
    risk: float
    quiet: str | None = None


_CONSEQUENCES = {
    "wired": Consequence("adviser_call", "wired out", 0.9),
    "unknown": Consequence("relationship_call", "to an unknown place", 0.7),
    "cash": Consequence("relationship_call", "in cash", 0.7),
    "checking": Consequence("loan_offer", "to own checking", 0.5),
    "cd_or_fund": Consequence("acknowledge", "to an own CD or fund", 0.1),
    "debt": Consequence("acknowledge", "to pay a debt", 0.0, "debt_paid"),
    "savings": Consequence("acknowledge", "to other own savings", 0.0, "kept_in_savings"),
}
QUIET = ("debt_paid", "kept_in_savings", "money_came_back", "standing_pattern")


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    average_minor_min: Annotated[
        int, Meta(ge=1, description="smallest average balance that is watched, minor units of the account's currency")
    ] = 1_000_000
    average_over: Annotated[timedelta, Meta(description="about how far back the average balance looks")] = timedelta(
        days=90
    )
    observed_min: Annotated[timedelta, Meta(description="how long an account must be known to have an average")] = (
        timedelta(days=30)
    )
    window: Annotated[timedelta, Meta(description="how long several withdrawals may take to count together")] = (
        timedelta(days=7)
    )
    share_percent_min: Annotated[
        int, Meta(ge=1, le=100, description="net withdrawals that are a drop, percent of the average before")
    ] = 50
    leg_wait: Annotated[
        timedelta, Meta(description="how long after the last withdrawal the other leg of a transfer may arrive")
    ] = timedelta(days=2)
    act_within: Annotated[timedelta, Meta(description="how long after the last withdrawal an action makes sense")] = (
        timedelta(days=14)
    )
    pattern_share_percent_min: Annotated[
        int, Meta(ge=1, le=100, description="a withdrawal remembered for years, percent of the average")
    ] = 20
    pattern_amount_percent_max: Annotated[
        int, Meta(ge=0, le=100, description="how far the yearly amount may be off, percent of the earlier one")
    ] = 25
    pattern_off_max: Annotated[timedelta, Meta(description="how far the yearly date may be off")] = timedelta(days=21)
    accounts_kept_max: Annotated[int, Meta(ge=1, le=16, description="savings accounts remembered, latest moved")] = 3
    movements_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="movements remembered for an account; the smallest are dropped")
    ] = 12
    legs_kept_max: Annotated[int, Meta(ge=1, le=64, description="other legs remembered that came first")] = 6
    patterns_kept_max: Annotated[int, Meta(ge=1, le=64, description="large withdrawals remembered for years")] = 16


class Leg(Struct, array_like=True):
    """The receiving side of an internal transfer that arrived before the giving side."""

    transfer: str
    destination: str
    event: str
    position: int


class State(Struct, array_like=True):
    due_ms: int | None = None
    accounts: dict[str, Account] = field(default_factory=dict)
    legs: list[Leg] = field(default_factory=list)


def _is_leg(entry: AccountMovement) -> bool:
    """Of a savings account's movement: that itself, or what may be its receiving side."""
    return entry.account_type == "savings" or (entry.transfer is not None and entry.amount_minor > 0)


@trigger(on=(AccountMovement, Tick), heeds=_is_leg, config=Config, state=State, quiet=QUIET, state_bytes_max=4096)
def balance_drop(entry: AccountMovement | Tick, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    if isinstance(entry, Tick):
        for name, account in state.accounts.items():
            if account.due_ms is not None and account.due_ms <= entry.at_ms:
                yield _candidate(name, account, config)
                account.close()
    else:
        if entry.transfer and entry.amount_minor > 0:
            _join_leg(entry, entry.transfer, state, config)
        if entry.account_type == "savings":
            _book(entry, state, config, customer)
    state.due_ms = min((one.due_ms for one in state.accounts.values() if one.due_ms is not None), default=None)


def _join_leg(entry: AccountMovement, transfer: str, state: State, config: Config) -> None:
    """The receiving side of a transfer: tell the withdrawal, or wait for it."""
    destination = OWN[entry.account_type]
    for account in state.accounts.values():
        for movement in account.movements:
            if movement.transfer == transfer and movement.amount_minor < 0:
                movement.destination, movement.leg = destination, entry.cause
                return
    legs = [leg for leg in state.legs if leg.transfer != transfer]
    leg = Leg(transfer, destination, entry.id, entry.position)
    state.legs = [*legs, leg][-config.legs_kept_max :]


def _book(entry: AccountMovement, state: State, config: Config, customer: Facts) -> None:
    """A movement on a savings account: the average goes on, a drop may begin or grow."""
    account = state.accounts.pop(entry.account, None) or _first_seen(entry)
    put_last(state.accounts, entry.account, account, config.accounts_kept_max)
    average_before_minor = account.advance(entry, milliseconds(config.average_over))
    since_ms = account.newest_ms - milliseconds(config.window)
    if entry.method in ("fee", "interest") or entry.at_ms < since_ms or account.knows(entry):
        return
    account.forget_before(since_ms)
    movement = Movement(entry.at_ms, entry.amount_minor, average_before_minor, entry.id, entry.position)
    account.remember(movement, config.movements_kept_max)
    if entry.amount_minor < 0:
        _follow(movement, entry, state, customer)
        _remember_large(movement, account, config)
        _watch(entry.at_ms, account, config)


def _first_seen(entry: AccountMovement) -> Account:
    before_minor = entry.balance_after_minor - entry.amount_minor
    return Account(entry.currency, entry.at_ms, entry.at_ms, before_minor, before_minor)


def _follow(movement: Movement, entry: AccountMovement, state: State, customer: Facts) -> None:
    """Where the withdrawal went: the other leg tells, if it was first; until it comes, the booking itself."""
    movement.destination, movement.transfer = destination_of(entry, customer.dossier.accounts), entry.transfer
    for leg in state.legs:
        if leg.transfer == entry.transfer:
            movement.destination, movement.leg = leg.destination, Cause(leg.event, leg.position)


def _remember_large(movement: Movement, account: Account, config: Config) -> None:
    average_minor = max(movement.average_before_minor, config.average_minor_min)
    if -100 * movement.amount_minor >= config.pattern_share_percent_min * average_minor:
        large = [*account.large, (movement.at_ms, -movement.amount_minor)]
        account.large = large[-config.patterns_kept_max :]


def _watch(at_ms: int, account: Account, config: Config) -> None:
    """A drop waits for the other legs of its last withdrawal, which must itself be within the window of the drop."""
    if account.dropped_at_ms is None and _is_drop(account, config):
        account.dropped_at_ms = at_ms
    if account.dropped_at_ms is not None:
        last_ms = min(account.last_withdrawal_ms, account.dropped_at_ms + milliseconds(config.window))
        account.due_ms = last_ms + milliseconds(config.leg_wait)


def _is_drop(account: Account, config: Config) -> bool:
    observed_ms = account.movements[0].at_ms - account.since_ms
    return (
        observed_ms >= milliseconds(config.observed_min)
        and account.average_before_minor >= config.average_minor_min
        and _is_large_share(account.net_minor, account, config)
    )


def _is_large_share(amount_minor: int, account: Account, config: Config) -> bool:
    return 100 * amount_minor >= config.share_percent_min * account.average_before_minor


def _reason_for_silence(account: Account, destination: str, config: Config) -> str | None:
    if not _is_large_share(account.net_minor, account, config):
        return "money_came_back"
    if quiet := _CONSEQUENCES[destination].quiet:
        return quiet
    yearly_minor = account.yearly_minor(milliseconds(config.pattern_off_max), config.pattern_amount_percent_max)
    is_unusual = _is_large_share(account.net_minor - yearly_minor, account, config)
    return None if is_unusual else "standing_pattern"


def _sums(account: Account) -> dict[str, int]:
    """What went to each destination, in minor units, in the order of `DESTINATIONS`, without what got nothing."""
    withdrawals = [movement for movement in account.movements if movement.amount_minor < 0]
    sums = {name: -sum(one.amount_minor for one in withdrawals if one.destination == name) for name in DESTINATIONS}
    return {name: amount_minor for name, amount_minor in sums.items() if amount_minor}


def _candidate(name: str, account: Account, config: Config) -> Candidate:
    sums = _sums(account)
    destination = max(sums, key=lambda one: sums[one])  # of equal sums the first of `DESTINATIONS`
    percents = {where: 100 * amount_minor // sum(sums.values()) for where, amount_minor in sums.items()}
    quiet = _reason_for_silence(account, destination, config)
    percent = 100 * account.net_minor // account.average_before_minor
    return Candidate(
        action=_CONSEQUENCES[destination].action,
        at_ms=account.last_withdrawal_ms,
        causes=tuple(cause for movement in account.movements for cause in movement.causes),
        because=_in_words(account, percent, percents),
        subject={"account": name},
        measured={
            "average_minor": Measure(account.average_before_minor, config.average_minor_min),
            "net_withdrawn_minor": Measure(account.net_minor),
            "net_withdrawn_percent": Measure(percent, config.share_percent_min),
            "balance_minor": Measure(account.balance_minor),
            **{f"{where}_percent": Measure(value) for where, value in percents.items()},
        },
        risk=_CONSEQUENCES[destination].risk * min(percent, 100) / 100 if quiet is None else None,
        expires_at_ms=account.last_withdrawal_ms + milliseconds(config.act_within),
        quiet=quiet,
    )


def _in_words(account: Account, percent: int, percents: dict[str, int]) -> str:
    net, average = (money(one, account.currency) for one in (account.net_minor, account.average_before_minor))
    where = ", ".join(f"{value} % {_CONSEQUENCES[name].words}" for name, value in percents.items())
    return f"{net} net, {percent} % of the average balance of {average}, left the savings account: {where}"
