"""What is kept of one customer, as one msgpack blob in the table.

The blob is an array whose fields are only ever appended, so the last release's blobs still read. Sub-states of triggers
stay encoded until their trigger runs, the dossier and the decisions until somebody asks: an event pays for what it
touches. What stays encoded is stored as bytes with their length in front, so that it is passed over in one step.
"""

from functools import cached_property
from hashlib import blake2b

import msgspec
from msgspec import Raw, Struct, field

from streams import packed
from streams.actions import Decision, Outcome
from streams.events import Cause
from streams.facts import Facts
from streams.trigger import Candidate

FINGERPRINT_BYTES = 8


class Proposal(Struct, array_like=True):
    """A trigger's candidate on its way through the arbiter; `held_since_ms` is when it was first held."""

    id: str
    trigger: str
    family: str
    candidate: Candidate
    traceparent: str | None = None
    held_since_ms: int | None = None


class Held(Struct, array_like=True):
    """A proposal that waits: why, and until when at the latest."""

    proposal: Proposal
    reason: str
    until_ms: int


class Brief(Struct, array_like=True):
    """A decision in short, for the customer's view."""

    id: str
    trigger: str
    action: str
    outcome: Outcome
    reason: str | None
    decided_at_ms: int
    causes: tuple[Cause, ...] = ()


class Customer(Struct, array_like=True, dict=True):
    """One customer.

    Attributes:
        due_ms: the earliest due time; first, since recovery reads nothing else.
        position: journal offset of the last entry that changed this record.
        seen: fingerprints of the latest event ids, oldest first.
        triggers: encoded sub-state of each trigger.
        due: due time of each trigger that waits.
        held: candidates that wait in the arbiter.
        told: the latest decisions as they were stored; `encode` brings them up to date.
        now_ms: the customer's journal time, which never runs backwards; -1 before the first entry.
        beside: what shadow sets have of the customer (`streams.beside`), encoded.
    """

    due_ms: int | None = None
    position: int = -1
    seen: bytes = b""
    facts: Facts = field(default_factory=Facts)
    triggers: dict[str, bytes] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    told: bytes = b""
    now_ms: int = -1
    beside: bytes = b""

    @cached_property
    def decisions(self) -> list[Brief]:
        """The latest, oldest first."""
        return _decode_told(self.told) if self.told else []


class _Beside(Struct, array_like=True):
    """A `Customer` of which nothing is decoded but the last field."""

    due_ms: Raw = Raw()
    position: Raw = Raw()
    seen: Raw = Raw()
    facts: Raw = Raw()
    triggers: Raw = Raw()
    due: Raw = Raw()
    held: Raw = Raw()
    told: Raw = Raw()
    now_ms: Raw = Raw()
    beside: bytes = b""


class Header(Struct, array_like=True):
    """The first fields of a `Customer`, read alone."""

    due_ms: int | None = None
    position: int = -1


_fresh_digest = blake2b(digest_size=FINGERPRINT_BYTES).copy  # a copy takes two thirds of what making one takes
_encode = msgspec.msgpack.Encoder().encode
_decode_told = msgspec.msgpack.Decoder(list[Brief]).decode
decode = msgspec.msgpack.Decoder(Customer).decode
_decode_beside = msgspec.msgpack.Decoder(_Beside).decode
decode_header = msgspec.msgpack.Decoder(Header).decode


def encode(customer: Customer) -> bytes:
    """The blob; what nobody asked for goes into it as it came."""
    customer.facts.pack()
    if "decisions" in customer.__dict__:
        customer.told = _encode(customer.decisions)
    return _encode(customer)


def stored_beside(blob: bytes) -> bytes:
    """What shadow sets have of a customer, read alone."""
    return _decode_beside(blob).beside


def note_event(customer: Customer, event_id: str, kept_max: int) -> bool:
    """Remember an event id among the latest `kept_max`; False if it is there already: a repeat."""
    digest = _fresh_digest()
    digest.update(event_id.encode())
    fingerprint = digest.digest()
    if fingerprint in customer.seen and packed.find(customer.seen, fingerprint, FINGERPRINT_BYTES) != -1:
        return False
    customer.seen = (customer.seen + fingerprint)[-kept_max * FINGERPRINT_BYTES :] if kept_max else b""
    return True


def brief(decision: Decision) -> Brief:
    """A decision in short."""
    return Brief(
        decision.id,
        decision.trigger,
        decision.action,
        decision.outcome,
        decision.reason,
        decision.decided_at_ms,
        decision.causes,
    )
