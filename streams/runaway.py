"""The guard against a trigger that runs away: one that suddenly sends far more than it ever did is held.

For each trigger and purpose of its actions it counts what was sent in the current hour, by the partition's clock, and
knows the busiest hour of each of the last days. Above a floor, and above a factor of the busiest hour, the trigger is
held: the arbiter lets nothing of it pass (reason `runaway`) until somebody releases it. For a time after that it may
send what it likes, so that the new rate becomes the usual one.

All of it follows from the journal, and is kept in one record of the partition, whose size doesn't grow with what is
sent. Why silence, and not a queue: docs/decisions/0008-runaway-triggers-are-held.md.
"""

from math import ceil

import msgspec
from msgspec import Struct, field

from streams.actions import ACTIONS, Decision
from streams.journal import Release
from streams.policy import Limit, Policy
from streams.trigger import milliseconds

HOUR_MS = 3_600_000
HOURS_A_DAY = 24


class Rate(Struct, array_like=True):
    """What was sent in the current hour, counted from the epoch, and the most in an hour of each day with any."""

    hour: int = -1
    count: int = 0
    busiest: dict[int, int] = field(default_factory=dict)

    def turn(self, now_ms: int, days_kept: int) -> None:
        """Close the hour if it is another one now."""
        hour = now_ms // HOUR_MS
        if hour == self.hour:
            return
        if self.count:
            day = self.hour // HOURS_A_DAY
            self.busiest[day] = max(self.count, self.busiest.get(day, 0))
        self.hour, self.count = hour, 0
        first = hour // HOURS_A_DAY - days_kept
        self.busiest = {day: most for day, most in sorted(self.busiest.items()) if first <= day}

    def most(self, limit: Limit) -> int:
        """The most that may be sent in an hour now."""
        return max(limit.floor, ceil(limit.factor * max(self.busiest.values(), default=0)))


class Watched(Struct, array_like=True):
    """All that is known of a partition's triggers.

    Attributes:
        rates: by trigger and purpose, as in `card_testing fraud`.
        held: since when, by trigger.
        free: until when, by trigger, after a release.
    """

    rates: dict[str, Rate] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    free: dict[str, int] = field(default_factory=dict)


_encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Watched).decode


class Runaway:
    """The guard of one partition. `is_changed`: since it was last encoded."""

    def __init__(self, stored: bytes | None) -> None:
        self._watched = decode(stored) if stored else Watched()
        self.is_changed = False

    @property
    def held(self) -> frozenset[str]:
        """The triggers that are held."""
        return frozenset(self._watched.held)

    def encode(self) -> bytes:
        """As it is kept in the table."""
        self.is_changed = False
        return _encode(self._watched)

    def sent(self, decision: Decision, now_ms: int, policy: Policy) -> bool:
        """A decision was sent; True if its trigger is held from now on."""
        self.is_changed = True
        watched, guard, name = self._watched, policy.runaway, decision.trigger
        purpose = ACTIONS[decision.action].purpose
        rate = watched.rates.setdefault(f"{name} {purpose}", Rate())
        rate.turn(now_ms, guard.days_kept)
        rate.count += 1
        if now_ms < watched.free.get(name, now_ms) or name in watched.held:
            return False
        watched.free.pop(name, None)
        if rate.count <= rate.most(getattr(guard, purpose)):
            return False
        watched.held[name] = now_ms
        return True

    def release(self, entry: Release, now_ms: int, policy: Policy) -> bool:
        """Somebody says that it may go on; False if it wasn't held."""
        if self._watched.held.pop(entry.trigger, None) is None:
            return False
        self._watched.free[entry.trigger] = now_ms + milliseconds(policy.runaway.free_for)
        self.is_changed = True
        return True
