"""What is remembered of a payment card: its small and large purchases, what it usually pays, and where."""

from msgspec import Struct, field


class Small(Struct, array_like=True):
    """A purchase that may be a test."""

    event: str
    position: int
    at_ms: int
    amount_minor: int
    currency: str
    merchant_key: int


class Large(Struct, array_like=True):
    """A purchase that may be theft.

    `usual_minor` is None where the card's scale wasn't known; `is_settled` once the rule has spoken about it.
    """

    event: str
    position: int
    at_ms: int
    amount_minor: int
    currency: str
    merchant: str
    usual_minor: int | None
    threshold_minor: int
    is_settled: bool = False


class Card(Struct, array_like=True):
    """What is remembered of a card, by currency in `amounts`; the least recently used comes first and goes first.

    `merchants` holds the second of the earliest purchase at each, the name as a checksum: that is short, and a clash,
    one in a hundred million, only makes a merchant known too early.
    """

    smalls: list[Small] = field(default_factory=list)
    larges: list[Large] = field(default_factory=list)
    amounts: dict[str, list[int]] = field(default_factory=dict)
    merchants: dict[int, int] = field(default_factory=dict)
