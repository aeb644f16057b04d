"""A customer as other systems see it: the 360 degree view, made from the state alone, so it can always be rebuilt."""

from typing import Any

import msgspec
from msgspec import Struct

from streams import state

SCALARS = {str, int, float, bool, type(None)}  # most of a state; they need no look inside
COUNTED = ("card_used_at_ms", "margins", "touches", "uses")


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
        "facts": {**_named(dossier), **{name: _plain(getattr(facts, name)) for name in COUNTED}},
        "risk": dossier.risk,
        "rank_minor": rank,
        "waiting": [
            {"reason": held.reason, "until_ms": held.until_ms, **_named(held.proposal)} for held in customer.held
        ],
        "due_ms": customer.due,
        "decisions": [_named(brief) for brief in customer.decisions],
    }
    return View(name, customer.position, msgspec.json.encode(document), rank)


def _named(record: Struct) -> dict[str, Any]:
    """A stored record with its field names, which the store leaves out."""
    return {
        name: value if type(value) in SCALARS else _plain(value)
        for name, value in msgspec.structs.asdict(record).items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return _named(value)
    if isinstance(value, dict):
        return {key: one if type(one) in SCALARS else _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [one if type(one) in SCALARS else _plain(one) for one in value]
    return value
