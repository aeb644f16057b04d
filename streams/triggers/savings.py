"""What is remembered of a savings account: its average balance, its latest movements, its large withdrawals."""

from bisect import insort

from msgspec import Struct, field

from streams.events import AccountMovement, Cause

YEAR_MS = 31_557_600_000  # 365.25 days


class Movement(Struct, array_like=True):
    """A booking. `destination` says where a withdrawal went, `leg` is the receiving side's event once it is here."""

    at_ms: int
    amount_minor: int
    average_before_minor: int
    event: str
    position: int
    destination: str = ""
    transfer: str | None = None
    leg: Cause | None = None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The events behind it: its own, and the other leg's."""
        own = Cause(self.event, self.position)
        return (own, self.leg) if self.leg else (own,)


class Account(Struct, array_like=True):
    """One savings account.

    Attributes:
        since_ms: time of the first movement seen.
        newest_ms: time of the newest movement; `balance_minor` is what it left.
        movements: within the window, and all since a drop was seen; oldest first.
        dropped_at_ms: event time of the withdrawal that made it a drop, while the decision waits for `due_ms`.
        large: time and amount of earlier large withdrawals, in the order they came.
        decided_until_ms: last withdrawal that was decided on; none up to there counts again, however late.
    """

    currency: str
    since_ms: int
    newest_ms: int
    balance_minor: int
    average_minor: int
    movements: list[Movement] = field(default_factory=list)
    dropped_at_ms: int | None = None
    due_ms: int | None = None
    large: list[tuple[int, int]] = field(default_factory=list)
    decided_until_ms: int = -1

    @property
    def average_before_minor(self) -> int:
        """The average before the first of the movements."""
        return self.movements[0].average_before_minor

    @property
    def net_minor(self) -> int:
        """What left the account with these movements, less what came."""
        return -sum(movement.amount_minor for movement in self.movements)

    @property
    def last_withdrawal_ms(self) -> int:
        """Time of the latest withdrawal among the movements; ValueError without one."""
        return max(movement.at_ms for movement in self.movements if movement.amount_minor < 0)

    def knows(self, entry: AccountMovement) -> bool:
        """Whether a movement was counted, or came after its time was decided on."""
        return entry.at_ms <= self.decided_until_ms or any(one.event == entry.id for one in self.movements)

    def advance(self, entry: AccountMovement, average_over_ms: int) -> int:
        """Bring the average up to this movement, the balance behind it; returns the average before it.

        A running mean that forgets: the time since the last movement weighs against the time known, at most
        `average_over_ms`. One that comes late changes neither.
        """
        if entry.at_ms >= self.newest_ms:
            passed_ms = entry.at_ms - self.newest_ms
            weight_ms = min(entry.at_ms - self.since_ms, average_over_ms)
            if passed_ms >= weight_ms:
                self.average_minor = self.balance_minor
            else:
                self.average_minor += (self.balance_minor - self.average_minor) * passed_ms // weight_ms
            self.newest_ms, self.balance_minor = entry.at_ms, entry.balance_after_minor
        return self.average_minor

    def forget_before(self, since_ms: int) -> None:
        """Forget older movements, unless a drop waits for its decision: then all of them belong to it."""
        if self.dropped_at_ms is None:
            self.movements = [movement for movement in self.movements if movement.at_ms >= since_ms]

    def remember(self, movement: Movement, kept_max: int) -> None:
        """Keep a movement in event time; of too many the smallest goes, never the largest withdrawal."""
        insort(self.movements, movement, key=lambda one: one.at_ms)
        if len(self.movements) > kept_max:
            largest = min(self.movements, key=lambda one: one.amount_minor)
            others = (one for one in self.movements if one is not largest)
            self.movements.remove(min(others, key=lambda one: abs(one.amount_minor)))

    def close(self) -> None:
        """The drop was decided on."""
        self.decided_until_ms = self.last_withdrawal_ms
        self.movements, self.dropped_at_ms, self.due_ms = [], None, None

    def yearly_minor(self, off_max_ms: int, amount_percent_max: int) -> int:
        """How much was withdrawn about as it was about a year before, or two, or more."""
        return -sum(one.amount_minor for one in self.movements if self._is_yearly(one, off_max_ms, amount_percent_max))

    def _is_yearly(self, movement: Movement, off_max_ms: int, amount_percent_max: int) -> bool:
        for at_ms, amount_minor in self.large:
            years = (movement.at_ms - at_ms + YEAR_MS // 2) // YEAR_MS
            off_ms = abs(movement.at_ms - at_ms - years * YEAR_MS)
            off_minor = abs(-movement.amount_minor - amount_minor)
            if years >= 1 and off_ms <= off_max_ms and 100 * off_minor <= amount_percent_max * amount_minor:
                return True
        return False
