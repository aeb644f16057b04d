"""Company-caused risk: our own doing touches this customer: a price was raised, or too much was sold.

Why: nobody looks at other suppliers more than who got a letter about a higher price, or finds out what wasn't needed.
Action: a price raised: explain_and_offer; oversold: right_size, which proposes less. Both wait for `contact_wait`,
    since those who raised the price may tell the customer themselves. The notice's amount is the rise for a whole term.
Quiet when: somebody has contacted the customer about the product (`already_contacted`): another system, or we did; or
    the product isn't this customer's, or no longer (`not_theirs`). What was oversold is believed without a contract.
Source: the mission's list of triggers; the risk grows with the size of the rise up to `large_percent`.

           contact about it counts here
    |<- contact_counts_for ->|<- contact_wait ->|
    -------------------------o------------------|--->   fires at the tick, if nobody was in touch
                           notice
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from streams.actions import Measure
from streams.events import Caused, Interaction, Notice
from streams.facts import Facts, Term
from streams.journal import Tick
from streams.trigger import ActionSent, Candidate, milliseconds, trigger
from streams.triggers.wording import money

_ACTIONS = {"price_increase": "explain_and_offer", "oversold": "right_size"}


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    contact_wait: Annotated[
        timedelta, Meta(description="how long after the notice others may contact the customer before we do")
    ] = timedelta(days=1)
    contact_counts_for: Annotated[
        timedelta, Meta(description="how long before the notice a contact about the product counts as one about it")
    ] = timedelta(days=30)
    act_within: Annotated[timedelta, Meta(description="how long after the notice an action makes sense")] = timedelta(
        days=30
    )
    large_percent: Annotated[
        float, Meta(gt=0, le=1000, description="rise from which on the risk is whole, percent of the term's price")
    ] = 20
    risk_price: Annotated[
        float, Meta(ge=0, le=1, description="how likely a customer leaves for a large rise, or one of unknown share")
    ] = 0.5
    risk_oversold: Annotated[float, Meta(ge=0, le=1, description="how likely one leaves who was sold too much")] = 0.3
    notices_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="notices remembered for a customer, latest kept")
    ] = 4
    contacts_kept_max: Annotated[
        int, Meta(ge=1, le=64, description="contacts about products remembered for a customer, latest kept")
    ] = 6


class Told(Caused, Struct, array_like=True):
    """A notice; `is_done`: it was decided on, and is kept to know it again."""

    event: str
    position: int
    at_ms: int
    kind: str
    product: str
    amount_minor: int | None
    currency: str | None
    is_done: bool = False


class Contact(Caused, Struct, array_like=True):
    """Somebody was in touch with the customer about a product."""

    product: str
    at_ms: int
    event: str
    position: int


class State(Struct, array_like=True):
    due_ms: int | None = None
    notices: list[Told] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)


def _is_about_it(entry: Notice | Interaction | ActionSent) -> bool:
    """A notice, or a contact about a product."""
    if isinstance(entry, Interaction):
        return entry.kind == "other_contact" and bool(entry.subject)
    return isinstance(entry, Notice) or (entry.action in _ACTIONS.values() and "product" in entry.subject)


@trigger(
    on=(Notice, Interaction, ActionSent, Tick),
    heeds=_is_about_it,
    config=Config,
    state=State,
    quiet=("already_contacted", "not_theirs"),
    state_bytes_max=1536,
)
def company_caused_risk(
    entry: Notice | Interaction | ActionSent | Tick, state: State, config: Config, customer: Facts
) -> Iterator[Candidate]:
    if isinstance(entry, Interaction):
        _remember_contact(Contact(entry.subject or "", entry.at_ms, entry.id, entry.position), state, config)
    elif isinstance(entry, ActionSent):
        cause = entry.causes[-1]
        contact = Contact(entry.subject["product"], entry.at_ms, cause.event, cause.position)
        _remember_contact(contact, state, config)
    elif isinstance(entry, Notice):
        _remember_notice(entry, state, config)
    else:
        yield from _decide(entry.at_ms, state, config, customer)


def _remember_contact(contact: Contact, state: State, config: Config) -> None:
    others = [one for one in state.contacts if (one.event, one.product) != (contact.event, contact.product)]
    state.contacts = sorted([*others, contact], key=lambda one: (one.at_ms, one.event))[-config.contacts_kept_max :]


def _remember_notice(notice: Notice, state: State, config: Config) -> None:
    if notice.kind not in _ACTIONS or any(one.event == notice.id for one in state.notices):
        return
    told = Told(
        notice.id, notice.position, notice.at_ms, notice.kind, notice.product, notice.amount_minor, notice.currency
    )
    state.notices = [*state.notices, told][-config.notices_kept_max :]
    state.due_ms = _due_ms(state, config)


def _due_ms(state: State, config: Config) -> int | None:
    waiting = [one.at_ms + milliseconds(config.contact_wait) for one in state.notices if not one.is_done]
    return min(waiting, default=None)


def _decide(now_ms: int, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    latest_ms = now_ms - milliseconds(config.contact_wait)
    for notice in sorted(state.notices, key=lambda one: (one.at_ms, one.event)):
        if not notice.is_done and notice.at_ms <= latest_ms:
            notice.is_done = True
            terms = [one for name, one in customer.dossier.terms.items() if notice.product in (name, one.product)]
            running = [one for one in terms if one.runs(now_ms)]
            is_theirs = bool(running) or (not terms and _may_be_theirs(notice, customer))
            yield _candidate(notice, running, _contact_about(notice, state, config), config, is_theirs=is_theirs)
    state.due_ms = _due_ms(state, config)


def _candidate(
    notice: Told, running: list[Term], contact: Contact | None, config: Config, *, is_theirs: bool
) -> Candidate:
    quiet = None if is_theirs else "not_theirs"
    if is_theirs and contact is not None:
        quiet = "already_contacted"
    rise = _rise(notice, running, config)
    return Candidate(
        action=_ACTIONS[notice.kind],
        at_ms=notice.at_ms,
        causes=(notice.cause, contact.cause) if contact else (notice.cause,),
        because=_in_words(notice, rise),
        subject={"product": notice.product},
        measured=rise,
        risk=_risk(notice, rise, config) if quiet is None else None,
        expires_at_ms=notice.at_ms + milliseconds(config.act_within),
        quiet=quiet,
    )


def _contact_about(notice: Told, state: State, config: Config) -> Contact | None:
    since_ms = notice.at_ms - milliseconds(config.contact_counts_for)
    about = (one for one in reversed(state.contacts) if one.product == notice.product and one.at_ms >= since_ms)
    return next(about, None)


def _may_be_theirs(notice: Told, customer: Facts) -> bool:
    """Without a contract: oversold, so the company says, or an account or card of the profile."""
    owned = {*customer.dossier.accounts, *customer.dossier.accounts.values(), *customer.dossier.cards}
    has_card = notice.product == "card" and bool(customer.dossier.cards)
    return notice.kind == "oversold" or has_card or notice.product in owned


def _rise(notice: Told, running: list[Term], config: Config) -> dict[str, Measure]:
    """How much the price rises, and of what, where the price of the running term is known in the same currency."""
    if notice.kind != "price_increase" or notice.amount_minor is None:
        return {}
    rise = {"increase_minor": Measure(notice.amount_minor)}
    prices_minor = [one.price_minor for one in running if one.price_minor and one.currency == notice.currency]
    if prices_minor:
        price_minor = prices_minor[-1]
        rise["price_minor"] = Measure(price_minor)
        rise["increase_percent"] = Measure(round(100 * notice.amount_minor / price_minor, 1), config.large_percent)
    return rise


def _risk(notice: Told, rise: dict[str, Measure], config: Config) -> float:
    if notice.kind == "oversold":
        return config.risk_oversold
    percent = rise["increase_percent"].value if "increase_percent" in rise else config.large_percent
    return round(config.risk_price * min(1.0, float(percent) / config.large_percent), 6)


def _in_words(notice: Told, rise: dict[str, Measure]) -> str:
    if notice.kind == "oversold":
        return f"{notice.product} was sold to the customer, who doesn't need all of it"
    words = f"the price of {notice.product} rises"
    if notice.amount_minor is not None and notice.currency:
        words += f" by {money(notice.amount_minor, notice.currency)}"
    if "increase_percent" in rise and notice.currency:
        price_minor, percent = int(rise["price_minor"].value), rise["increase_percent"].value
        words += f", {percent} % of the {money(price_minor, notice.currency)} that it costs"
    return words
