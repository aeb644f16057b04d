"""Draws without chance: a text always draws the same number, and different ones spread evenly."""

import hashlib


def percent(text: str) -> int:
    """A number from 0 to 99."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 100
