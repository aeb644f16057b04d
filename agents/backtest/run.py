"""A backtest over all partitions: one process for each core, each a partition at a time."""

import asyncio
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import Any

from msgspec import Struct

from agents import collector
from agents.backtest.course import Course, Outcome, Plan
from agents.backtest.histories import History, OnKafka, from_kafka, records

BATCH = 1000  # entries decided at once: state is written once for each
POLL_SECONDS = 0.1
Progress = Callable[[int, int], object]
_progress: Any = None  # of a worker process: what each partition has read


class Task(Struct, frozen=True):
    """One partition's work; `place` is where it tells its progress."""

    place: int
    history: History
    plan: Plan
    checked_below: int


class Usage(Struct, frozen=True):
    """What a backtest took: of all its processes, from their start to the last result.

    Attributes:
        peak_bytes: the most memory that each process held, added up, this one's included.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    processes: int


async def run(
    histories: Sequence[History], plan: Plan, checked_below: dict[int, int], processes: int, progress: Progress
) -> tuple[list[Outcome], Usage]:
    """Decide every partition; the outcomes come by partition.

    Raises:
        ReplayError, OSError, JournalError, KafkaError, TimeoutError: what a partition's history raises.
        BrokenProcessPool: a process was killed.
    """
    began, cpu_before = time.monotonic(), _cpu_seconds()
    context = multiprocessing.get_context("spawn")  # a fork would take the progress bar's thread for its own
    told = context.Array("Q", max(1, len(histories)), lock=False)
    tasks = [Task(place, one, plan, checked_below.get(one.number, 0)) for place, one in enumerate(histories)]
    tasks.sort(key=lambda one: -one.history.size)
    count = max(1, min(processes, len(tasks)))
    with ProcessPoolExecutor(count, context, _begin, (told,)) as pool:
        futures = [pool.submit(decide, one) for one in tasks]
        try:
            await _finished(futures, lambda: progress(sum(told), sum(one.size for one in histories)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    outcomes = sorted((one.result() for one in futures), key=lambda one: one.number)
    peaks: dict[int, int] = {}
    for one in outcomes:
        peaks[one.process] = max(peaks.get(one.process, 0), one.peak_bytes)
    usage = Usage(
        seconds=time.monotonic() - began,
        cpu_seconds=_cpu_seconds() - cpu_before,
        peak_bytes=sum(peaks.values()) + _peak_bytes(),
        processes=count,
    )
    return outcomes, usage


async def _finished(futures: list["Future[Outcome]"], look: Callable[[], object]) -> None:
    """Wait until all are done, or one has failed."""
    waiting = {asyncio.wrap_future(one) for one in futures}
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=POLL_SECONDS)
        for one in done:
            one.result()
        look()


def decide(task: Task) -> Outcome:
    """Decide one partition, in a process of its own."""
    before = time.process_time()
    course = Course(task.history.number, task.plan, task.checked_below)
    if isinstance(task.history, OnKafka):
        asyncio.run(_decide_from_kafka(task.history, course, task.place))
    else:
        entries = records(task.history, lambda at: _tell(task.place, at))
        while batch := list(islice(entries, BATCH)):
            course.take(batch)
    _tell(task.place, task.history.size)
    outcome = course.close()
    outcome.cpu_seconds = time.process_time() - before
    outcome.process, outcome.peak_bytes = os.getpid(), _peak_bytes()
    return outcome


async def _decide_from_kafka(history: OnKafka, course: Course, place: int) -> None:
    async for batch in from_kafka(history, lambda at: _tell(place, at)):
        if batch:
            course.take(batch)


def _begin(told: Any) -> None:
    """A worker process: it dies quietly with the command, and is set as a worker is."""
    global _progress  # noqa: PLW0603 - a process's own; a pool has no other way to hand it over
    _progress = told
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    collector.relax()


def _tell(place: int, at: int) -> None:
    if _progress is not None:
        _progress[place] = at


def _cpu_seconds() -> float:
    """Of this process, and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
