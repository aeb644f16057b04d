"""How many of a worker's transactions are under way at once: as many as don't hold each other up.

All lanes could go side by side. Where the broker answers from other machines they should: a transaction mostly waits.
Where cores are what is missing they only make each other slow, and what they append stays hidden for longer. The time
that a transaction takes tells which it is: one more may be under way while they take little longer than one alone does.
So do TCP Vegas and its kin with packets. From time to time one goes alone, lest a slow crowd become what is usual.
"""

import asyncio
from collections import deque
from types import TracebackType

TOLERATED = 1.25  # times what one takes alone
STEP = 0.005  # of a turn more for each transaction that wasn't held up: from one to two in 200
WEIGHT = 0.1  # of one transaction's slowness in the limit
FASTEST_FALL = 0.5
ALONE_WEIGHT = 0.2  # of one transaction in what one takes alone
ALONE_EVERY = 200  # transactions
CLOCK_SECONDS = 0.001  # uvloop's clock goes in these: what is quicker seems to take no time at all


class Pace:
    """Turns for transactions, given in the order in which they were asked for; so many at once to begin with."""

    def __init__(self, at_once: int = 1) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._under_way = 0
        self._is_alone = False
        self._since_alone = 0
        self._alone_seconds = 0.0
        self._ideal = float(at_once)

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return int(self._ideal) if self._since_alone < ALONE_EVERY else 1

    async def __aenter__(self) -> None:
        """Wait for a turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._pass_on()
        await turn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It is others' turn."""
        self._under_way -= 1
        self._pass_on()

    def took(self, seconds: float) -> None:
        """A transaction, which has its turn still, was committed after so long."""
        seconds = max(seconds, CLOCK_SECONDS)
        self._since_alone += 1
        if self._is_alone:
            self._since_alone = 0
            self._alone_seconds += (seconds - self._alone_seconds) * (ALONE_WEIGHT if self._alone_seconds else 1.0)
        kept = max(FASTEST_FALL, min(1.0, TOLERATED * self._alone_seconds / seconds))
        step = STEP if self._waiting else 0.0  # nobody waits: a turn more would change nothing
        self._ideal = max(1.0, self._ideal * (1.0 - WEIGHT * (1.0 - kept)) + step)

    def _pass_on(self) -> None:
        while self._waiting and self._under_way < self.limit:
            turn = self._waiting.popleft()
            if not turn.cancelled():
                turn.set_result(None)
                self._under_way += 1
                self._is_alone = self._under_way == 1
