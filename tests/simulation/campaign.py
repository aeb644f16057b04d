"""Many seeds: run them, stop at the first that fails, say how to see it again."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from time import process_time
from unittest.mock import patch

from msgspec import Struct, field

from tests.simulation.planted import BUGS
from tests.simulation.schedules import Schedules
from tests.simulation.simulation import Simulation, prepared


class Report(Struct):
    """What came of some seeds.

    Attributes:
        bug: what was planted.
        schedules: under how many the journal of each seed was decided; 0: each seed has its own sources and schedule.
        seeds: how many ran.
        seconds: processor time.
        counts: faults and how processes ended, by name.
        failed: the first seed that failed, or None.
        problems: what didn't hold then.
    """

    bug: str | None = None
    schedules: int = 0
    seeds: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failed: int | None = None
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.failed is not None:
            options = f" --schedules {self.schedules}" * bool(self.schedules) + f" --bug {self.bug}" * bool(self.bug)
            again = f"python -m tests.simulation --seed {self.failed} --trace{options}"
            return "\n".join([f"seed {self.failed} fails:", *self.problems[:5], f"to see it happen: {again}"])
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.most_common())
        a_minute = 60 * self.seeds / max(self.seconds, 0.001)
        return f"{self.seeds} seeds hold, {a_minute:.0f} a minute of processor time: {counts}"


def run(
    seeds: Iterable[int],
    bug: str | None = None,
    *,
    schedules: int = 0,
    seconds_max: float = float("inf"),
    trace: Callable[[str], object] | None = None,
) -> Report:
    """Run seeds until one fails, or the processor time is used up."""
    report, began_at = Report(bug, schedules), process_time()
    with prepared(), BUGS[bug]() if bug else nullcontext(), _old_objects_left_alone():
        for seed in seeds:
            simulation = Schedules(seed, schedules, trace) if schedules else Simulation(seed, trace)
            report.problems = simulation.run()
            report.seeds += 1
            report.counts += simulation.counts
            report.seconds = process_time() - began_at
            if report.problems:
                report.failed = seed
            if report.problems or report.seconds > seconds_max:
                break
    return report


@contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """The collector looks only at what a seed made, not at all that was imported before.

    Nor does asyncio keep its list of all tasks: nobody asks for it, and it costs one step in twenty.
    """
    gc.collect()
    gc.freeze()
    try:
        with patch.object(asyncio.tasks._all_tasks, "add", id):
            yield
    finally:
        gc.unfreeze()
