"""Win-back: a contract was cancelled or not renewed, and the anger or the errand that ended it has had time to pass.

Why: who left knows what they left; the right offer after the right pause is cheaper than a stranger.
Action: win_back_offer, once for each end, after `wait`, or after the wait for the reason that was given (`waits`). A
    term that just runs out, without a word, has ended when nobody renewed it for `grace`; the wait begins then.
Quiet when: it ended on our side (`closed_by_us`), the customer once asked to be left alone, on whichever
    contract (`asked_for_no_contact`), is worth less than `worth_minor_min` a year (`low_value`), or came back
    meanwhile: renewed it, or signed for the same product (`came_back`). A term that ran out in silence is no end at
    all where it was renewed before the offer was due, or where automatic renewal was on.
Source: the win-back of the mission: by reason and value, and never to who asked for no contact.

    cancelled: price                     cancelled           signed again     the term's end
    --o--------------|--> fires          --o---------------------o-----|-->   --o---------|----------|--> fires
      |<-waits.price>|                     |<--------- wait ---------->|        |<-grace->|<- wait ->|
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Contract
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.agreements import BEGINS, ENDS, SWITCHES, Agreement, Word, learn
from streams.triggers.wording import DAY_MS, length

CLOSED_BY_US, NO_CONTACT, LOW_VALUE, CAME_BACK = "closed_by_us", "asked_for_no_contact", "low_value", "came_back"
TOLD = "told"
WAITS = {"price": timedelta(days=7), "quality": timedelta(days=60), "moved": timedelta(days=180)}


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wait: Annotated[timedelta, Meta(description="how long after the end an offer is made")] = timedelta(days=30)
    waits: Annotated[dict[str, timedelta], Meta(description="the same for a reason that the contract's end gave")] = (
        field(default_factory=lambda: dict(WAITS))
    )
    grace: Annotated[
        timedelta, Meta(description="how long after its end a term that nobody spoke of may still be renewed")
    ] = timedelta(days=14)
    act_within: Annotated[timedelta, Meta(description="how long after that wait an offer makes sense")] = timedelta(
        days=60
    )
    worth_minor_min: Annotated[
        int, Meta(ge=0, description="least value of the customer a year that an offer is worth, in minor units")
    ] = 5000
    closed_by_us_reasons: Annotated[
        tuple[str, ...],
        Meta(description="reasons that say it wasn't the customer who left, or that there is none left"),
    ] = (CLOSED_BY_US, "fraud", "insolvent", "deceased")
    no_contact_reasons: Annotated[
        tuple[str, ...], Meta(description="reasons by which a customer asks for no more offers, on any contract")
    ] = (NO_CONTACT,)
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely who left stays away without an offer")] = 0.9
    contracts_kept_max: Annotated[int, Meta(ge=1, le=64, description="contracts remembered, latest heard of")] = 6
    words_kept_max: Annotated[int, Meta(ge=4, le=64, description="events remembered of a contract, newest kept")] = 5


class State(Struct, array_like=True):
    due_ms: int | None = None
    contracts: dict[str, Agreement] = field(default_factory=dict)
    is_left_alone: bool = False


class End(Struct, frozen=True):
    """One end of a contract: when it ended, all that was said of it, and when an offer is due.

    Of a term that ran out in silence, the word that began it is all there is.
    """

    name: str
    product: str
    ended_ms: int
    words: tuple[Word, ...]
    due_ms: int

    @property
    def first(self) -> Word:
        """The word that ended it, or that began what ran out."""
        return self.words[0]

    @property
    def reasons(self) -> frozenset[str]:
        """All reasons given."""
        return frozenset(word.reason for word in self.words if word.reason)


@trigger(
    on=(Contract, Tick),
    config=Config,
    state=State,
    quiet=(CLOSED_BY_US, NO_CONTACT, LOW_VALUE, CAME_BACK),
    state_bytes_max=4096,
)
def win_back(entry: Contract | Tick, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    if isinstance(entry, Contract):
        if entry.status in ENDS and entry.reason in config.no_contact_reasons:
            state.is_left_alone = True
        learn(state.contracts, entry, config.contracts_kept_max, config.words_kept_max)
    else:
        for end in [one for one in _ends(state, config) if one.due_ms <= entry.at_ms]:
            yield _candidate(end, _quiet(end, state, config, customer), config, customer)
            for word in end.words:
                word.told.append(TOLD)
    state.due_ms = min((end.due_ms for end in _ends(state, config)), default=None)


def _ends(state: State, config: Config) -> Iterator[End]:
    """Every end that nothing was decided on yet."""
    for name, agreement in state.contracts.items():
        yield from _told_ends(name, agreement, config)
        yield from _silent_end(name, agreement, config)


def _told_ends(name: str, agreement: Agreement, config: Config) -> Iterator[End]:
    """The ends that were told of; what is said of one that was decided on, even in silence, is no new one."""
    spoken = [word for word in agreement.words if word.status not in SWITCHES]
    has_run_out = False
    for is_end, several in groupby(spoken, key=lambda word: word.status in ENDS):
        words = tuple(several)
        is_decided = has_run_out or any(TOLD in word.told for word in words)
        has_run_out = not is_end and TOLD in words[-1].told
        if is_end and not is_decided:
            wait = config.waits.get(words[0].reason or "", config.wait)
            yield End(name, agreement.product, words[0].at_ms, words, words[0].at_ms + milliseconds(wait))


def _silent_end(name: str, agreement: Agreement, config: Config) -> Iterator[End]:
    """The end of a term of which nobody has said that it ends, if it doesn't renew itself."""
    term = agreement.term()
    ends_ms = agreement.ends_at_ms(term) if term else None
    if term is None or ends_ms is None or TOLD in term.told:
        return
    if agreement.auto_renewal(ends_ms) or agreement.auto_renewal():
        return
    yield End(name, agreement.product, ends_ms, (term,), ends_ms + milliseconds(config.grace + config.wait))


def _quiet(end: End, state: State, config: Config, customer: Facts) -> str | None:
    if state.is_left_alone:
        return NO_CONTACT
    if end.reasons & frozenset(config.closed_by_us_reasons):
        return CLOSED_BY_US
    if _came_back(end, state):
        return CAME_BACK
    return LOW_VALUE if customer.worth_minor() < config.worth_minor_min else None


def _came_back(end: End, state: State) -> bool:
    """Whether the contract, or another for the same product, began after it was ended, or after what ran out did."""
    return any(
        word.status in BEGINS and word.at_ms > end.first.at_ms
        for agreement in state.contracts.values()
        if agreement.product == end.product
        for word in agreement.words
    )


def _candidate(end: End, quiet: str | None, config: Config, customer: Facts) -> Candidate:
    wait_ms = end.due_ms - end.ended_ms
    how = {"cancelled": "was cancelled", "not_renewed": "was not renewed"}.get(end.first.status, "ran out")
    reason = end.first.reason
    return Candidate(
        action="win_back_offer",
        at_ms=end.due_ms,
        causes=tuple(word.cause for word in end.words),
        because=f"{end.product} {how} {length(wait_ms)} ago, reason: {reason or 'not given'}",
        subject={"contract": end.name, "product": end.product},
        measured={
            "reason": Measure(reason or "not given"),
            "worth_minor": Measure(customer.worth_minor(), config.worth_minor_min),
            "days_waited": Measure(wait_ms // DAY_MS),
        },
        risk=None if quiet else config.risk,
        expires_at_ms=end.due_ms + milliseconds(config.act_within),
        quiet=quiet,
    )
