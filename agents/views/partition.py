"""What Redis doesn't have yet of one journal partition."""

import uuid
from collections.abc import Iterable, Mapping


class Partition:
    """Keys only, never documents: however long Redis is away, this holds each customer once or twice, and no more.

    Attributes:
        customers: the live state, blob by key.
        lease: names this assignment; Redis takes views of the partition from its latest lease only.
        claimed: whether Redis has been told of the lease.
        refused_until: time before which nothing is tried, since another worker claimed the partition.
    """

    def __init__(self, number: int, customers: Mapping[bytes, bytes]) -> None:
        self.number = number
        self.customers = customers
        self.lease = uuid.uuid4().hex
        self.claimed = False
        self.refused_until = 0.0
        self._dirty: set[bytes] = set()
        self._backlog: list[bytes] = list(customers)

    @property
    def behind(self) -> int:
        """How many views wait to be written."""
        return len(self._dirty) + len(self._backlog)

    def mark(self, keys: Iterable[bytes]) -> None:
        """These customers changed, or could not be written."""
        self._dirty.update(keys)

    def rebuild(self) -> None:
        """Every view of the partition is to be written again."""
        self._backlog = list(self.customers)

    def take(self, count: int) -> list[bytes]:
        """Up to `count` keys, no longer waiting; changes before the backlog, so that a rebuild hides nothing new."""
        taken = [self._dirty.pop() for _ in range(min(count, len(self._dirty)))]
        rest = min(count - len(taken), len(self._backlog))
        if rest:
            taken += self._backlog[-rest:]
            del self._backlog[-rest:]
        return taken
