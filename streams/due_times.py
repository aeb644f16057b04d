"""When which customer is due: earliest first, one entry a customer."""

import heapq
from collections.abc import Iterable


class DueTimes:
    """Customers' due times by key. An entry may be earlier than the truth, never later: who takes it looks again."""

    def __init__(self, times: Iterable[tuple[bytes, int | None]] = ()) -> None:
        """The due times of some customers, each named once; None: it isn't due."""
        self._scheduled = {key: due_ms for key, due_ms in times if due_ms is not None}
        self._heap = [(due_ms, key) for key, due_ms in self._scheduled.items()]
        heapq.heapify(self._heap)

    def schedule(self, key: bytes, due_ms: int | None) -> None:
        """It is due then; one that moved on is put right when it comes up. None: it isn't due by this."""
        if due_ms is not None and due_ms < self._scheduled.get(key, due_ms + 1):
            self._scheduled[key] = due_ms
            heapq.heappush(self._heap, (due_ms, key))

    def is_due(self, now_ms: int) -> bool:
        """Whether there is one to take."""
        return bool(self._heap) and self._heap[0][0] <= now_ms

    def take(self) -> bytes:
        """The one that is due first; it is scheduled no more."""
        due_ms, key = heapq.heappop(self._heap)
        if self._scheduled.get(key) == due_ms:
            del self._scheduled[key]
        return key
