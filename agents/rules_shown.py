"""What a worker shows of its rules: which version decides, since when, whether a later one was refused, what is held.

Told by the partitions that it holds, at any moment: a restarted worker shows what the one before it did.
"""

import structlog
from msgspec import Struct

from agents.metrics import Metrics
from streams.partition import Partition
from streams.trigger import load

MS_PER_SECOND = 1000
log = structlog.get_logger(__name__)


class _Shown(Struct, frozen=True):
    """A partition's part."""

    version: str
    applied_at_ms: int
    refused: str
    held: frozenset[str]


class RulesShown:
    """The metrics of the config and of the guard, over all partitions held here."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._parts: dict[int, _Shown] = {}
        self._update()

    def show(self, number: int, partition: Partition) -> None:
        """A partition was taken up, or its rules may have changed."""
        applied, before = partition.applied, self._parts.get(number)
        shown = _Shown(
            partition.rules.version, applied.at_ms if applied else 0, partition.refused, partition.rules.held
        )
        self._parts[number] = shown
        if shown.refused and (before is None or before.refused != shown.refused):
            log.error("config_refused", partition=number, version=shown.refused, version_in_force=shown.version)
        for trigger in sorted(shown.held - (before.held if before else frozenset())):
            log.error("trigger_runaway", partition=number, trigger=trigger, hint="bellwether guard show")
        self._update()

    def drop(self, number: int) -> None:
        """A partition is another worker's."""
        self._parts.pop(number, None)
        self._update()

    def _update(self) -> None:
        parts, metrics = self._parts.values(), self._metrics
        for trigger in load():
            metrics.runaway_partitions.labels(trigger).set(sum(trigger in one.held for one in parts))
        metrics.config.show(*sorted({one.version for one in parts}))
        metrics.config_last_apply_successful.set(not any(one.refused for one in parts))
        newest_ms = max((one.applied_at_ms for one in parts), default=0)
        metrics.config_last_apply_timestamp_seconds.set(newest_ms / MS_PER_SECOND)
