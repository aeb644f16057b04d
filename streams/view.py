"""A customer as other systems see it: the 360 degree view, made from the state alone, so it can always be rebuilt."""

import msgspec
from msgspec import Raw, Struct

from streams import state
from streams.facts import Dossier
from streams.named import as_json, joined
from streams.periods import Periods
from streams.state import Brief, Held, Proposal

_encode = msgspec.json.Encoder().encode


class Counted(Struct):
    """What almost every event changes, of `Facts`."""

    card_used_at_ms: int
    margins: Periods
    touches: Periods
    uses: dict[str, int]


class View(Struct, frozen=True):
    """What is written to Redis for one customer.

    Attributes:
        position: journal offset that it reflects; an older one never replaces a newer one.
        document: JSON.
        rank: risk times value, minor units at risk; None when no risk was seen.
    """

    customer: str
    position: int
    document: bytes
    rank: float | None


def describe(name: str, blob: bytes) -> View:
    """The view of the customer `name` whose state is `blob`."""
    customer = state.decode(blob)
    facts, dossier = customer.facts, customer.facts.dossier
    rank = dossier.risk * dossier.value_minor if dossier.risk_at_ms >= 0 else None
    document = {
        "customer": name,
        "position": customer.position,
        "facts": joined(as_json(dossier, Dossier), as_json(facts, Counted)),
        "risk": dossier.risk,
        "rank_minor": rank,
        "waiting": [_waiting(held) for held in customer.held],
        "due_ms": customer.due,
        "decisions": Raw(as_json(customer.decisions, list[Brief])),
    }
    return View(name, customer.position, _encode(document), rank)


def _waiting(held: Held) -> Raw:
    return joined(_encode({"reason": held.reason, "until_ms": held.until_ms}), as_json(held.proposal, Proposal))
