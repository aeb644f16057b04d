"""A fixed piece of work, run beside each measurement: the ratio to it holds on another machine, or a busy one."""

from time import process_time

import msgspec
from msgspec import Struct

ROUNDS = 400_000
_MESSAGE = b'{"id":"t-1","customer":"c-1","at_ms":1700000000000,"card":"k-1","amount_minor":1999,"currency":"EUR"}'


class _Message(Struct):
    id: str
    customer: str
    at_ms: int
    card: str
    amount_minor: int
    currency: str


def kernel_us() -> float:
    """CPU microseconds of one round: decode a message and add it up under its card."""
    decode = msgspec.json.Decoder(_Message).decode
    sums: dict[str, int] = {}
    began = process_time()
    for _ in range(ROUNDS):
        message = decode(_MESSAGE)
        sums[message.card] = sums.get(message.card, 0) + message.amount_minor
    return (process_time() - began) / ROUNDS * 1e6
