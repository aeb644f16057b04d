"""What is remembered of a payment card: its small and large purchases, what it usually pays, and where."""

import struct
from zlib import crc32

from msgspec import Struct, field

from streams import packed

_KEY_BYTES = 4
_MERCHANT = struct.Struct(">II")  # the name's checksum, the second


def merchant_key(name: str) -> int:
    """What a merchant is remembered by."""
    return crc32(name.encode())


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

    `merchants` holds the second of the earliest purchase at each, after the name's checksum: that is short, and a
    clash, one in a hundred million, only makes a merchant known too early. It is packed, since most purchases need
    one of them.
    """

    smalls: list[Small] = field(default_factory=list)
    larges: list[Large] = field(default_factory=list)
    amounts: dict[str, list[int]] = field(default_factory=dict)
    merchants: bytes = b""

    def meet(self, merchant_key: int, second: int, kept_max: int) -> None:
        """A purchase at a merchant, who becomes the one used last."""
        found = self._find(merchant_key)
        if found != -1:
            second = min(second, self._second(found))
            self._remove(found)
        self.merchants = (self.merchants + _MERCHANT.pack(merchant_key, second))[-kept_max * _MERCHANT.size :]

    def met_at(self, merchant_key: int) -> int | None:
        """The second of the earliest purchase at a merchant; None if it isn't remembered."""
        found = self._find(merchant_key)
        return None if found == -1 else self._second(found)

    def forget(self, merchant_key: int) -> None:
        """Remember nothing of a merchant, who is known."""
        self._remove(self._find(merchant_key))

    def _find(self, merchant_key: int) -> int:
        return packed.find(self.merchants, merchant_key.to_bytes(_KEY_BYTES), _MERCHANT.size)

    def _second(self, at: int) -> int:
        return int.from_bytes(self.merchants[at + _KEY_BYTES : at + _MERCHANT.size])

    def _remove(self, at: int) -> None:
        self.merchants = self.merchants[:at] + self.merchants[at + _MERCHANT.size :]
