"""The purchases that the programs read: made up from a seed, the first of them on the bounds of the rule.

The same settings give the same bytes. A shorter run of them is the beginning of a longer one.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import accumulate, count
from random import Random
from typing import Literal, NamedTuple

from msgspec import Struct

from bench.peers.jobs import LARGE_MINOR_MIN, REMEMBERED_MAX, SMALL_MINOR_MAX, WINDOW_MS

BEGIN_MS = 1_700_000_000_000
STEP_MS = 37
MINUTE_MS = 60_000
SMALL_MINOR_MIN = 50
LARGE_MINOR_MAX = 300_000
LATE_MS_MAX = 30_000
MERCHANTS = 5000
SECOND_CARD_SHARE = 0.2
TOO_LATE_SHARE = 0.15  # of the planned frauds: the large purchase comes after the window
SECOND_TEST_SHARE = 0.5
EDGE_CUSTOMER_FIRST = 9_000_000

Skew = Literal["uniform", "zipf"]


class Settings(Struct, frozen=True):
    """What the data depend on.

    Attributes:
        cards: of each customer; with one, the records are keyed by card, for J1P.
        exponent: of the Zipf distribution.
        fraud: share of the events that begin a planned fraud; as many again are small, and large, without a plan.
        late: share of the events up to 30 s out of order.
    """

    events: int
    customers: int = 200_000
    seed: int = 1
    skew: Skew = "uniform"
    cards: int = 2
    exponent: float = 1.1
    fraud: float = 0.02
    stray: float = 0.01
    late: float = 0.01


class Purchase(NamedTuple):
    """What varies from one record to the next."""

    customer: int
    card: int
    amount_minor: int
    at_ms: int


class Made(NamedTuple):
    """A source record and the fields that a job looks at."""

    key: bytes
    value: bytes
    customer: str
    card: str
    transaction: str
    amount_minor: int
    at_ms: int


def records(settings: Settings) -> Iterator[Made]:
    """All records in the order of the topic."""
    chance = Random(settings.seed + 1)
    for number, (who, which, amount, at) in enumerate(purchases(settings)):
        transaction, customer, card = f"t{number:09d}", f"c{who:07d}", f"k{who:07d}{which}"
        value = (
            f'{{"transaction_id":"{transaction}","customer_id":"{customer}","card_id":"{card}",'
            f'"amount_minor":{amount},"currency":"USD","merchant_id":"m{chance.randrange(MERCHANTS):04d}",'
            f'"mcc":"5411","channel":"ecom","country":"US","occurred_at":{at}}}'
        )
        key = card if settings.cards == 1 else customer
        yield Made(key.encode(), value.encode(), customer, card, transaction, amount, at)


def purchases(settings: Settings) -> Iterator[Purchase]:
    """Edge cases, then ordinary life with planned frauds in it."""
    edges = edge_cases(settings.cards)[: settings.events]
    yield from edges
    chance = Random(settings.seed)
    customers = _customers(settings, chance)
    planned: list[tuple[int, int, Purchase]] = []
    order = count()
    now = BEGIN_MS + 2 * WINDOW_MS
    for _ in range(settings.events - len(edges)):
        now += STEP_MS
        if planned and planned[0][0] <= now:
            purchase = heapq.heappop(planned)[2]._replace(at_ms=now)
        else:
            purchase, later = _drawn(settings, chance, next(customers), now)
            for one in later:
                heapq.heappush(planned, (one.at_ms, next(order), one))
        late = chance.randrange(1, LATE_MS_MAX + 1) if chance.random() < settings.late else 0
        yield purchase._replace(at_ms=now - late)


def _drawn(settings: Settings, chance: Random, customer: int, now: int) -> tuple[Purchase, list[Purchase]]:
    """A purchase of this customer, and those that are planned with it."""
    card = int(settings.cards > 1 and chance.random() < SECOND_CARD_SHARE)
    kind = chance.random()
    if kind < settings.fraud:
        later = _planned(chance, customer, card, now)
        return Purchase(customer, card, _small(chance), now), later
    if kind < settings.fraud + settings.stray:
        amount = _small(chance)
    elif kind < settings.fraud + 2 * settings.stray:
        amount = _large(chance)
    else:
        amount = chance.randrange(SMALL_MINOR_MAX + 1, LARGE_MINOR_MIN)
    return Purchase(customer, card, amount, now), []


def _planned(chance: Random, customer: int, card: int, now: int) -> list[Purchase]:
    """The large purchase that follows, now and then too late, and perhaps a second test before it."""
    too_late = chance.random() < TOO_LATE_SHARE
    minutes = chance.randrange(61, 90) if too_late else chance.randrange(1, 50)
    later = [Purchase(customer, card, _large(chance), now + minutes * MINUTE_MS)]
    if chance.random() < SECOND_TEST_SHARE:
        between = now + chance.randrange(1, minutes * MINUTE_MS)
        later.append(Purchase(customer, card, _small(chance), between))
    return later


def _small(chance: Random) -> int:
    return chance.randrange(SMALL_MINOR_MIN, SMALL_MINOR_MAX + 1)


def _large(chance: Random) -> int:
    return chance.randrange(LARGE_MINOR_MIN, LARGE_MINOR_MAX + 1)


def _customers(settings: Settings, chance: Random) -> Iterator[int]:
    """One customer after the other, by the skew that is asked for."""
    if settings.skew == "uniform":
        while True:
            yield chance.randrange(settings.customers)
    weights = list(accumulate((rank + 1) ** -settings.exponent for rank in range(settings.customers)))
    names = list(range(settings.customers))
    chance.shuffle(names)
    while True:
        yield from chance.choices(names, cum_weights=weights)


def edge_cases(cards: int) -> list[Purchase]:
    """The bounds of the rule, each with a customer of its own; (card, amount, time) in order of arrival."""
    t, w, small, large = BEGIN_MS, WINDOW_MS, SMALL_MINOR_MAX, LARGE_MINOR_MIN
    cases: list[Iterable[tuple[int, int, int]]] = [
        [(0, small, t), (0, large, t + w)],  # just in the window
        [(0, small, t), (0, large, t + w + 1)],  # a millisecond too old
        [(0, small, t), (0, large, t)],  # the same time isn't before
        [(0, small, t), (0, large, t + 1)],
        [(0, small + 1, t), (0, large, t + 1)],  # not small
        [(0, small, t), (0, large - 1, t + 1), (0, large, t + 2)],  # not large, then large
        [(0, small, t), (0, large, t + 1), (0, large, t + 2)],  # a hit forgets
        [(0, small, t + 10), (0, large, t + 5), (0, large, t + 20)],  # the small one is later than the first large
        [(0, small, t + 10), (0, small, t + 5), (0, large, t + 20)],  # out of order: the earliest is told
        [(0, small, t), (0, small, t + w), (0, large, t + w + 1)],  # one too old, one in
        [
            *((0, small, t + at) for at in range(REMEMBERED_MAX + 1)),
            (0, large, t + 100),
        ],  # the first one was pushed out
    ]
    if cards > 1:  # another card's entry neither counts nor goes
        cases.append([(0, small, t), (1, small, t + 1), (1, large, t + 2), (0, large, t + 3)])
    return [Purchase(EDGE_CUSTOMER_FIRST + number, *step) for number, steps in enumerate(cases) for step in steps]
