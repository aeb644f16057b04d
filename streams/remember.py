"""How the shared facts come about: what each event, and each action that went out, says about a customer."""

from collections.abc import Callable
from typing import Any

from streams import events, facts
from streams.facts import Complaint, Contact, Facts, FraudCheck, Signal, Term
from streams.policy import Policy
from streams.trigger import ActionSent, Trigger, milliseconds

TOUCHES = frozenset(("login", "email_opened", "site_visit", "branch_visit", "call"))
FRAUD = "fraud"


def remember_event(known: Facts, event: events.Event, policy: Policy) -> None:
    """Take from an event what concerns more than one trigger."""
    if remember := _BY_TYPE.get(type(event)):
        remember(known, event, policy)


def remember_sent(known: Facts, sent: ActionSent, policy: Policy) -> None:
    """Take down what was sent: a fraud check opens, after a call of care offers pause."""
    if sent.action == "verify_with_cardholder":
        _remember_check(known, sent, policy)
    elif sent.action == "care_call":
        _pause(known, sent.at_ms + milliseconds(policy.offers_pause_after_feedback))


def remember_contact(known: Facts, contact: Contact, policy: Policy) -> None:
    """Put an offer into the contact ledger."""
    known.dossier.contacts = [*known.dossier.contacts, contact][-policy.contacts_kept_max :]


def source_of(trigger: Trigger) -> str:
    """Under which name a trigger's risk is remembered: all of fraud is one."""
    return FRAUD if trigger.family == "fraud" else trigger.name


def remember_signal(known: Facts, source: str, risk: float, now_ms: int, policy: Policy) -> None:
    """A trigger has seen a risk: it takes the place of what that trigger saw before; all together are the risk now."""
    dossier = known.dossier
    dossier.signals[source] = Signal(risk, now_ms)
    fresh = risks(known, now_ms, policy)
    dossier.signals = {name: signal for name, signal in dossier.signals.items() if name in fresh}
    dossier.risk, dossier.risk_at_ms = combined(fresh), now_ms


def risks(known: Facts, now_ms: int, policy: Policy) -> dict[str, float]:
    """What is left of each signal's risk: it fades in a straight line; without those that are gone."""
    over_ms = milliseconds(policy.risk_fades_over)
    left = {
        name: round(signal.risk * (1 - max(0, now_ms - signal.at_ms) / over_ms), 6)
        for name, signal in sorted(known.dossier.signals.items())
    }
    return {name: risk for name, risk in left.items() if risk > 0}


def combined(several: dict[str, float]) -> float:
    """The risk that at least one of independent ones comes true."""
    kept = 1.0
    for risk in several.values():
        kept *= 1 - risk
    return round(1 - kept, 6)


def shares(several: dict[str, float]) -> dict[str, float]:
    """How much of the combined risk each signal stands for; they add up to it."""
    total = sum(several.values())
    return {name: round(combined(several) * risk / total, 6) for name, risk in several.items()} if total else {}


def _remember_check(known: Facts, sent: ActionSent, policy: Policy) -> None:
    dossier = known.dossier
    subject = sent.subject
    check = FraudCheck(subject["transaction"], subject["card"], subject["merchant"], sent.at_ms)
    early = next((one for one in dossier.fraud_checks if one.transaction == check.transaction), None)
    if early is not None:
        check.answer, check.answered_at_ms = early.answer, early.answered_at_ms
        dossier.fraud_checks.remove(early)
    dossier.fraud_checks = [*dossier.fraud_checks, check][-policy.fraud_checks_kept_max :]


def _remember_profile(known: Facts, profile: events.Profile, _: Policy) -> None:
    dossier = known.dossier
    if profile.at_ms < dossier.profile_at_ms:
        return  # an older one that came late
    dossier.profile_at_ms = profile.at_ms
    dossier.time_zone = profile.time_zone
    dossier.language = profile.language
    dossier.channels = profile.channels
    dossier.consents = profile.consents
    dossier.value_minor = profile.value_minor
    dossier.accounts = profile.accounts
    dossier.cards = profile.cards


def _remember_verdict(known: Facts, verdict: events.Verdict, policy: Policy) -> None:
    dossier = known.dossier
    if verdict.answer == "not_reached":
        return  # nobody answered: the check stays open
    check = next((one for one in dossier.fraud_checks if one.transaction == verdict.transaction), None)
    if check is None:  # the answer came before the question: topics are read at different speeds
        check = FraudCheck(verdict.transaction, card="", merchant="", opened_at_ms=verdict.at_ms)
        dossier.fraud_checks = [*dossier.fraud_checks, check][-policy.fraud_checks_kept_max :]
    check.answer, check.answered_at_ms = verdict.answer, verdict.at_ms
    if verdict.answer == "fraud":
        _pause(known, verdict.at_ms + milliseconds(policy.offers_pause_after_fraud))


def _remember_interaction(known: Facts, met: events.Interaction, policy: Policy) -> None:
    if met.kind in TOUCHES:
        known.touches.add(met.at_ms // facts.WEEK_MS, 1, facts.WEEKS_KEPT)
    elif met.kind in ("complaint", "complaint_resolved"):
        said = Complaint(met.at_ms, met.subject or "", met.id, met.position)
        name = "complaints" if met.kind == "complaint" else "resolutions"
        several = [one for one in getattr(known.dossier, name) if one.event != met.id]
        several.append(said)
        several.sort(key=lambda one: (one.at_ms, one.event))
        setattr(known.dossier, name, several[-policy.complaints_kept_max :])


def _remember_contract(known: Facts, contract: events.Contract, policy: Policy) -> None:
    dossier = known.dossier
    said, before = _term(contract), dossier.terms.pop(contract.contract, None)
    dossier.terms[contract.contract] = said if before is None else _merged(before, said)
    while len(dossier.terms) > policy.terms_kept_max:
        del dossier.terms[next(iter(dossier.terms))]
    if contract.status in ("signed", "renewed") and contract.price_minor:
        _earn(known, contract, contract.price_minor, policy)


def _term(contract: events.Contract) -> Term:
    """What one event says of a contract."""
    switched = {"auto_renewal_on": True, "auto_renewal_off": False}
    return Term(
        product=contract.product,
        status="" if contract.status in switched else contract.status,
        at_ms=contract.at_ms,
        starts_at_ms=contract.starts_at_ms,
        ends_at_ms=contract.ends_at_ms,
        price_minor=contract.price_minor,
        currency=contract.currency,
        is_auto_renewed=switched.get(contract.status),
        event=contract.id,
        position=contract.position,
    )


def _merged(one: Term, other: Term) -> Term:
    """The later word counts; what it leaves out stays as the earlier one said, whichever arrived first."""
    first, last = sorted((one, other), key=lambda term: (term.at_ms, term.event))
    return Term(*(_said(getattr(last, name), getattr(first, name)) for name in Term.__struct_fields__))


def _said(last: Any, first: Any) -> Any:
    return first if last is None or last == "" else last


def _remember_statement(known: Facts, statement: events.CardStatement, _: Policy) -> None:
    dossier = known.dossier
    if statement.closing_balance_minor <= 0:
        return  # nothing was owed: it says nothing about how the customer pays, least of all after the last use
    is_full = statement.paid_minor >= statement.closing_balance_minor
    is_full = is_full and dict(dossier.statements).get(statement.period_to_ms, True)  # of several cards, every one
    several = [one for one in dossier.statements if one[0] != statement.period_to_ms]
    dossier.statements = sorted([*several, (statement.period_to_ms, is_full)])[-facts.STATEMENTS_KEPT :]


def _remember_card(known: Facts, used: events.CardTransaction, policy: Policy) -> None:
    if used.approved and used.kind == "purchase":
        known.card_used_at_ms = max(known.card_used_at_ms, used.at_ms)
        _use(known, (used.card, "card"), used.at_ms, policy)
        _earn(known, used, used.amount_minor, policy)


def _remember_movement(known: Facts, moved: events.AccountMovement, policy: Policy) -> None:
    if moved.method not in ("fee", "interest"):  # those are the bank's doing
        _use(known, (moved.account, moved.account_type), moved.at_ms, policy)


def _remember_usage(known: Facts, used: events.Usage, policy: Policy) -> None:
    if used.quantity:
        _use(known, (used.product,), used.at_ms, policy)


def _remember_purchase(known: Facts, purchase: events.Purchase, policy: Policy) -> None:
    _earn(known, purchase, purchase.amount_minor, policy)


def _remember_response(known: Facts, response: events.Response, _: Policy) -> None:
    for contact in known.dossier.contacts:
        is_stronger = facts.RESPONSES.index(response.kind) > facts.RESPONSES.index(contact.response)
        if contact.decision == response.action_id and is_stronger:
            contact.response, contact.responded_at_ms = response.kind, response.at_ms
    if response.kind not in ("delivered", "declined"):
        known.touches.add(response.at_ms // facts.WEEK_MS, 1, facts.WEEKS_KEPT)


def _earn(known: Facts, event: events.Event, amount_minor: int, policy: Policy) -> None:
    """The margin of what was paid, for the value of customers whose profile names none."""
    percent = policy.margin_percent.get(_NAMES[type(event)], 0)
    known.margins.add(event.at_ms // facts.MONTH_MS, amount_minor * percent // 100, facts.MONTHS_KEPT)


def _use(known: Facts, names: tuple[str, ...], at_ms: int, policy: Policy) -> None:
    """Something was used; what was used longest ago is forgotten first."""
    for name in names:
        known.uses[name] = max(at_ms, known.uses.get(name, -1))
    while len(known.uses) > policy.uses_kept_max:
        del known.uses[min(known.uses, key=lambda one: (known.uses[one], one))]


def _pause(known: Facts, until_ms: int) -> None:
    known.dossier.offers_paused_until_ms = max(known.dossier.offers_paused_until_ms, until_ms)


_BY_TYPE: dict[type[events.Event], Callable[[Facts, Any, Policy], None]] = {
    events.Profile: _remember_profile,
    events.Verdict: _remember_verdict,
    events.Interaction: _remember_interaction,
    events.Contract: _remember_contract,
    events.CardStatement: _remember_statement,
    events.CardTransaction: _remember_card,
    events.Purchase: _remember_purchase,
    events.AccountMovement: _remember_movement,
    events.Usage: _remember_usage,
    events.Response: _remember_response,
}
_NAMES = {kind: events.event_type_name(kind) for kind in _BY_TYPE}
