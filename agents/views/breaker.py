"""A breaker: after failures in a row, ask less and less often, with one attempt at a time."""

from collections.abc import Callable


class Breaker:
    """Knows when the next attempt may be made.

    Open from the `failures_max`-th failure in a row to the next success. The pause doubles with each failure, from
    `pause_seconds_min` to `pause_seconds_max`.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        failures_max: int = 3,
        pause_seconds_min: float = 0.05,
        pause_seconds_max: float = 5.0,
    ) -> None:
        self._clock = clock
        self._failures_max = failures_max
        self._pause_seconds_min = pause_seconds_min
        self._pause_seconds_max = pause_seconds_max
        self._again_at = 0.0
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """True while the other side counts as away."""
        return self.failures >= self._failures_max

    @property
    def is_probing(self) -> bool:
        """True when the next attempt should risk little: the last one failed."""
        return self.failures > 0

    def wait_seconds(self) -> float:
        """How long until the next attempt may be made; 0 is now."""
        return max(0.0, self._again_at - self._clock()) if self.failures else 0.0

    def failed(self) -> None:
        """An attempt failed."""
        exponent = min(self.failures, 30)  # a power beyond it is no float's business
        self._again_at = self._clock() + min(self._pause_seconds_max, self._pause_seconds_min * 2**exponent)
        self.failures += 1

    def succeeded(self) -> None:
        """An attempt succeeded: the past is forgotten."""
        self.failures = 0
