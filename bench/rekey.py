"""J1P's first half: purchases that are keyed by card, on their way to the partitions of their customers."""

from collections.abc import Iterable
from functools import lru_cache

from agents.intake import CUSTOMERS_CACHED_MAX, journal_place
from agents.unit_of_work import Fetched, Place, Record
from bench.j1 import decode_purchase


class Rekey:
    """Puts purchases under their customers, where the intake would."""

    def __init__(self, topic: str, partitions: int) -> None:
        self._place_of = lru_cache(CUSTOMERS_CACHED_MAX)(
            lambda customer: Place(topic, journal_place(customer, partitions).partition)
        )

    def records(self, purchases: Iterable[Fetched]) -> dict[Place, list[Record]]:
        """By place, in order; the values as they came."""
        found: dict[Place, list[Record]] = {}
        for one in purchases:
            customer = decode_purchase(one.value or b"").customer_id
            found.setdefault(self._place_of(customer), []).append(Record(customer.encode(), one.value))
        return found
