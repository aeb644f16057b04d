"""What every trigger and the arbiter may know of a customer, kept once, by the engine.

Lists are bounded by the policy, newest kept. Triggers read this; only the two functions here change it.
"""

from datetime import timedelta

from msgspec import Struct, field

from streams import config, events
from streams.trigger import ActionSent, milliseconds


class FraudCheck(Struct, array_like=True):
    """A question put to the cardholder about `transaction`; open while `answer` is None.

    One whose answer came first has no card and no merchant yet.
    """

    transaction: str
    card: str
    merchant: str
    opened_at_ms: int
    answer: str | None = None
    answered_at_ms: int | None = None


class Contact(Struct, array_like=True):
    """An offer that went out to the customer."""

    at_ms: int
    trigger: str
    action: str


class Facts(Struct, array_like=True):
    """The shared facts of one customer; `consents` and `channels` as in the last profile, oldest first in lists."""

    profile_at_ms: int = -1
    time_zone: str = ""
    language: str = ""
    channels: tuple[events.Channel, ...] = ()
    consents: tuple[events.Channel, ...] = ()
    value_minor: int = 0
    accounts: dict[str, events.AccountType] = field(default_factory=dict)
    cards: tuple[str, ...] = ()
    fraud_checks: list[FraudCheck] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    offers_paused_until_ms: int = 0
    risk: float = 0.0
    risk_at_ms: int = -1

    def open_fraud_check(self, now_ms: int, open_max: timedelta) -> FraudCheck | None:
        """The latest check without an answer; after `open_max` it no longer counts as open."""
        since_ms = now_ms - milliseconds(open_max)
        return next((c for c in reversed(self.fraud_checks) if c.answer is None and c.opened_at_ms > since_ms), None)


def remember_event(facts: Facts, event: events.Event, policy: config.Policy) -> None:
    """Take from an event what concerns more than one trigger."""
    if isinstance(event, events.Profile):
        _remember_profile(facts, event)
    elif isinstance(event, events.Verdict):
        _remember_verdict(facts, event, policy)


def remember_sent(facts: Facts, sent: ActionSent, *, is_offer: bool, policy: config.Policy) -> None:
    """Take down what was sent: a fraud check opens, an offer goes into the contact ledger."""
    if sent.action == "verify_with_cardholder":
        _remember_check(facts, sent, policy)
    if is_offer:
        contact = Contact(sent.at_ms, sent.trigger, sent.action)
        facts.contacts = [*facts.contacts, contact][-policy.contacts_kept_max :]


def _remember_check(facts: Facts, sent: ActionSent, policy: config.Policy) -> None:
    subject = sent.subject
    check = FraudCheck(subject["transaction"], subject["card"], subject["merchant"], sent.at_ms)
    early = next((one for one in facts.fraud_checks if one.transaction == check.transaction), None)
    if early is not None:
        check.answer, check.answered_at_ms = early.answer, early.answered_at_ms
        facts.fraud_checks.remove(early)
    facts.fraud_checks = [*facts.fraud_checks, check][-policy.fraud_checks_kept_max :]


def _remember_profile(facts: Facts, profile: events.Profile) -> None:
    if profile.at_ms < facts.profile_at_ms:
        return  # an older one that came late
    facts.profile_at_ms = profile.at_ms
    facts.time_zone = profile.time_zone
    facts.language = profile.language
    facts.channels = profile.channels
    facts.consents = profile.consents
    facts.value_minor = profile.value_minor
    facts.accounts = profile.accounts
    facts.cards = profile.cards


def _remember_verdict(facts: Facts, verdict: events.Verdict, policy: config.Policy) -> None:
    if verdict.answer == "not_reached":
        return  # nobody answered: the check stays open
    check = next((one for one in facts.fraud_checks if one.transaction == verdict.transaction), None)
    if check is None:  # the answer came before the question: topics are read at different speeds
        check = FraudCheck(verdict.transaction, card="", merchant="", opened_at_ms=verdict.at_ms)
        facts.fraud_checks = [*facts.fraud_checks, check][-policy.fraud_checks_kept_max :]
    check.answer, check.answered_at_ms = verdict.answer, verdict.at_ms
    if verdict.answer == "fraud":
        pause_end_ms = verdict.at_ms + milliseconds(policy.offers_pause_after_fraud)
        facts.offers_paused_until_ms = max(facts.offers_paused_until_ms, pause_end_ms)
