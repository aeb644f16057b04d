"""What Bellwether asks for, and how it says so: actions, candidates' outcomes, decisions and their wire form."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from streams import topics
from streams.events import Cause, Channel

NAMESPACE = UUID("6f0d9e0c-52a4-5a0e-9d3b-0f3f6f6b1c55")  # of our decision ids; fixed for ever
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Outcome = Literal["sent", "held", "shadow", "suppressed", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("sent", "held", "shadow", "suppressed", "failed")
Priority = Literal["urgent", "normal"]
ParameterSet = Literal["main", "shadow"]


Purpose = Literal["fraud", "service", "care", "offer"]


class Action(Struct, frozen=True):
    """Something another system can be asked to do.

    Attributes:
        topic: where it is published when it is sent.
        purpose: what the arbiter asks of it. Whatever has expired isn't sent; beyond that, fraud checks and service
            messages pass at once. Care, for the customer's sake, keeps quiet hours. An offer obeys consent, pauses,
            open cases, limits and competition as well.
        channels: ways to carry it out with the customer, in no order; empty: it doesn't contact the customer.
    """

    topic: str
    purpose: Purpose = "offer"
    channels: tuple[Channel, ...] = ()

    @property
    def is_offer(self) -> bool:
        """Whether it sells."""
        return self.purpose == "offer"


_WRITTEN: tuple[Channel, ...] = ("email", "push", "sms", "post", "phone", "branch")
_SPOKEN: tuple[Channel, ...] = ("phone", "branch")
_FRAUD = Action(topics.FRAUD_CHECK_ACTIONS.name, "fraud")
_SERVICE = Action(topics.RETENTION_ACTIONS.name, "service")
_MESSAGE = Action(topics.RETENTION_ACTIONS.name, "offer", _WRITTEN)
_CALL = Action(topics.RETENTION_ACTIONS.name, "offer", _SPOKEN)
_CARE = Action(topics.RETENTION_ACTIONS.name, "care", _SPOKEN)

ACTIONS: dict[str, Action] = {
    "verify_with_cardholder": _FRAUD,
    "reissue_card": _FRAUD,
    "clear": _FRAUD,
    "escalate": _FRAUD,
    "loan_offer": _MESSAGE,
    "adviser_call": _CALL,
    "relationship_call": _CALL,
    "acknowledge": _MESSAGE,
    "explain_and_offer": _MESSAGE,
    "right_size": _MESSAGE,
    "invite_back": _MESSAGE,
    "new_model_offer": _MESSAGE,
    "refill_reminder": _MESSAGE,
    "cash_back_offer": _MESSAGE,
    "balance_transfer_offer": _MESSAGE,
    "improvement_news": _MESSAGE,
    "why_survey": _MESSAGE,
    "activation_offer": _MESSAGE,
    "renewal_offer": _MESSAGE,
    "still_wanted_check": _SERVICE,
    "payment_confirmation": _SERVICE,
    "win_back_offer": _MESSAGE,
    "follow_up_call": _CARE,
    "escalate_complaint": _SERVICE,
    "care_call": _CARE,
    "getting_started_help": _MESSAGE,
    "re_engage": _MESSAGE,
}


class Measure(Struct, frozen=True):
    """A value that was looked at and the threshold it was held against, in the unit that its name ends with."""

    value: int | float | str
    threshold: int | float | str | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """One candidate's outcome: what to do, or why nothing is done.

    Attributes:
        id: deterministic; the same journal gives the same id.
        candidate: id of the candidate; equals `id` except while it is only held.
        family: fraud or retention; engine, if the engine itself failed.
        outcome: sent, held, shadow (would have been sent), suppressed, or failed (the trigger broke).
        reason: why it was not sent, or the error's kind.
        subject: the card, account or product that it is about.
        parameter_set: shadow, if it comes of parameters that are tried out beside the trigger's main ones.
        measured: values against thresholds.
        prefilled: what makes the action one step for the customer: terms, prices, ways to cancel.
        causes: the journal entries behind it, oldest first.
        because: the same in words.
        risk: 0 to 1, of all signals that the customer has now; of a fraud check its own.
        risk_shares: how much of it each signal stands for, by trigger.
        value_minor: the customer's value a year; rank_minor: risk times value, minor units at risk.
        offer: the best one that the action allows for the customer's segment.
        acceptance: how often such a customer accepts it; with the trigger's share of the risk and the value, what
            candidates compete by (`streams.competition`).
        outranked_by: id of the candidate that was preferred.
        event_at_ms: when what caused it happened; decided_at_ms: journal time of the decision (no wall clock).
        held_until_ms: when a held candidate is looked at again at the latest.
    """

    id: str
    candidate: str
    trigger: str
    family: str
    action: str
    customer: str
    outcome: Outcome
    reason: str | None = None
    parameter_set: ParameterSet = "main"
    priority: Priority = "normal"
    subject: dict[str, str] = {}
    because: str = ""
    measured: dict[str, Measure] = {}
    prefilled: dict[str, str | int] = {}
    causes: tuple[Cause, ...] = ()
    risk: float | None = None
    risk_shares: dict[str, float] = {}
    value_minor: int | None = None
    rank_minor: int | None = None
    segment: str | None = None
    offer: str | None = None
    acceptance: float | None = None
    outranked_by: str | None = None
    channel: Channel | None = None
    config_version: str
    event_at_ms: int
    decided_at_ms: int
    expires_at_ms: int | None = None
    held_until_ms: int | None = None
    traceparent: str | None = None


encode_decision = msgspec.json.Encoder().encode
decode_decision = msgspec.json.Decoder(Decision).decode


def candidate_id(trigger: str, customer: str, action: str, causes: tuple[Cause, ...]) -> str:
    """The id of a candidate: of its causes' event ids, not of their positions, so that it survives re-keying."""
    return str(uuid5(NAMESPACE, "\x1f".join((trigger, customer, action, *(cause.event for cause in causes)))))


def held_id(candidate: str, reason: str, decided_at_ms: int) -> str:
    """The id of the interim decision to hold a candidate, made then: it may be held for the same reason again."""
    return str(uuid5(NAMESPACE, f"{candidate}\x1fheld\x1f{reason}\x1f{decided_at_ms}"))


def shadow_id(decision: str) -> str:
    """The id of a decision of a shadow set, which may be on the same candidate as one of the main set."""
    return str(uuid5(NAMESPACE, f"{decision}\x1fshadow"))


def destinations(decision: Decision) -> tuple[str, ...]:
    """The topics that a decision is published to: all go to `decisions`, sent ones to their action's topic too."""
    if decision.outcome == "sent":
        return (ACTIONS[decision.action].topic, topics.DECISIONS.name)
    return (topics.DECISIONS.name,)


def headers(decision: Decision) -> list[tuple[str, bytes]]:
    """CloudEvents headers (binary mode) in a fixed order."""
    pairs = [
        ("ce_specversion", "1.0"),
        ("content-type", "application/json"),
        ("ce_id", decision.id),
        ("ce_type", f"bellwether.{decision.family}.{decision.action}.v1"),
        ("ce_source", f"/bellwether/triggers/{decision.trigger}"),
        ("ce_time", _rfc3339(decision.decided_at_ms)),
    ]
    if decision.traceparent:
        pairs.append(("traceparent", decision.traceparent))
    return [(name, value.encode()) for name, value in pairs]


def _rfc3339(at_ms: int) -> str:
    """An instant in UTC as RFC 3339 with milliseconds."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
