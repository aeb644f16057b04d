"""What a program, its broker and the whole machine had used at a moment, seen from outside."""

import time

import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from bench.processes import cpu_seconds


class Look(Struct, frozen=True):
    """What everything had used at a moment, in seconds; `others` is all that the machine did for nobody of ours."""

    at: float
    program: float
    broker: float
    machine: float
    steal: float
    harness: float
    resident_bytes: int

    @property
    def others(self) -> float:
        """CPU of everybody else, since the machine started."""
        return self.machine - self.program - self.broker - self.harness


def look(program_pid: int, broker_pid: int) -> Look:
    """At this moment."""
    root = psutil.Process(program_pid)
    tree = [root, *root.children(recursive=True)]
    machine = psutil.cpu_times()
    return Look(
        at=time.monotonic(),
        program=cpu_seconds([program_pid]),
        broker=cpu_seconds([broker_pid]),
        machine=machine.user + machine.nice + machine.system + machine.irq + machine.softirq,
        steal=machine.steal,
        harness=time.process_time(),
        resident_bytes=sum(one.memory_info().rss for one in tree),
    )
