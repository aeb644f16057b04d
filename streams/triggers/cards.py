"""What is remembered of a payment card: its small and large purchases, what it usually pays, and where."""

from zlib import crc32

from msgspec import Struct, field

from streams import packed

_KEY_BYTES = 4
_SECOND_BYTES = 4  # the year 2100 has room
_MERCHANT_BYTES = _KEY_BYTES + _SECOND_BYTES


def merchant_key(name: str) -> bytes:
    """What a merchant is remembered by: a checksum."""
    return crc32(name.encode()).to_bytes(_KEY_BYTES)


class Small(Struct, array_like=True):
    """A purchase that may be a test."""

    event: str
    position: int
    at_ms: int
    amount_minor: int
    currency: str
    merchant_key: bytes


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

    `merchants` holds the second of the earliest purchase at each, after the name's checksum: that is short, and a
    clash, one in a hundred million, only makes a merchant known too early. It is packed, since most purchases need
    one of them.
    """

    smalls: list[Small] = field(default_factory=list)
    larges: list[Large] = field(default_factory=list)
    amounts: dict[str, list[int]] = field(default_factory=dict)
    merchants: bytes = b""

    def meet(self, merchant: bytes, second: int, kept_max: int) -> None:
        """A purchase at a merchant, who becomes the one used last."""
        at = packed.find(self.merchants, merchant, _MERCHANT_BYTES)
        if at != -1:
            second = min(second, self._second(at))
            self._remove(at)
        self.merchants = (self.merchants + merchant + second.to_bytes(_SECOND_BYTES))[-kept_max * _MERCHANT_BYTES :]

    def met_at(self, merchant: bytes) -> int | None:
        """The second of the earliest purchase at a merchant; None if it isn't remembered."""
        at = packed.find(self.merchants, merchant, _MERCHANT_BYTES)
        return None if at == -1 else self._second(at)

    def forget(self, merchant: bytes) -> None:
        """Remember nothing of a merchant, who is remembered."""
        self._remove(packed.find(self.merchants, merchant, _MERCHANT_BYTES))

    def _second(self, at: int) -> int:
        return int.from_bytes(self.merchants[at + _KEY_BYTES : at + _MERCHANT_BYTES])

    def _remove(self, at: int) -> None:
        self.merchants = self.merchants[:at] + self.merchants[at + _MERCHANT_BYTES :]
