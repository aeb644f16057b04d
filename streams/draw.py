"""Draws without chance: a text always draws the same number, and different ones spread evenly."""

import hashlib


def percent(text: str) -> int:
    """A number from 0 to 99."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 100


def is_held_out(customer: str, trigger: str, share_percent: int) -> bool:
    """Whether a customer is in a trigger's hold-out group: always the same, by a hash of the two names."""
    return percent(f"{trigger}\x1f{customer}") < share_percent
