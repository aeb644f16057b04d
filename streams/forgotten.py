"""Customers who were forgotten: markers that keep late events from bringing them back.

A marker holds digests instead of the customer's name, and the time of the request: what happened until then stays gone,
what happens later is a new customer's beginning.
"""

import hashlib

import msgspec
from msgspec import Struct

from streams.journal import Forget

MARKERS_KEPT_MAX = 4096  # of a partition, the oldest go first: the record with all of them stays far below a megabyte
DIGEST_BYTES = 12


class Marker(Struct, array_like=True):
    """Up to when a customer's events are gone, and which request said so."""

    at_ms: int
    request: bytes


class Forgotten:
    """The markers of a partition, oldest request first. `content` is what `encode` gave, None before the first."""

    def __init__(self, content: bytes | None) -> None:
        self._markers: dict[bytes, Marker] = _decode(content) if content else {}

    def add(self, entry: Forget) -> bool:
        """Take a request down; False if it is the customer's last one once more."""
        customer, request = _digest(entry.customer), _digest(entry.request)
        known = self._markers.get(customer)
        if known is not None and known.request == request:
            return False
        self._markers.pop(customer, None)  # it becomes the newest
        self._markers[customer] = Marker(max(entry.at_ms, known.at_ms if known else entry.at_ms), request)
        if len(self._markers) > MARKERS_KEPT_MAX:
            del self._markers[next(iter(self._markers))]
        return True

    def covers(self, customer: str, at_ms: int) -> bool:
        """Whether something that happened to the customer then is to stay forgotten."""
        if not self._markers:
            return False
        marker = self._markers.get(_digest(customer))
        return marker is not None and at_ms <= marker.at_ms

    def encode(self) -> bytes:
        """All markers, for the table."""
        return msgspec.msgpack.encode(self._markers)


_decode = msgspec.msgpack.Decoder(dict[bytes, Marker]).decode


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
