"""The options that all programs share, and the meter that says where measuring begins and ends."""

import argparse
import atexit
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bench.peers import jobs

PREFIX = "BENCH_"


class Parser(argparse.ArgumentParser):
    """Options as `--name value`, or as `BENCH_NAME` in the environment where a launcher takes no options."""

    def option(self, name: str, default: str | int, choices: Sequence[str] | None = None, help: str = "") -> None:  # noqa: A002 - argparse's own word
        """One more; its type is that of its default."""
        variable = PREFIX + name.removeprefix("--").upper().replace("-", "_")
        value = type(default)(os.environ.get(variable, default))
        self.add_argument(name, type=type(default), default=value, choices=choices, help=help)


def parser(program: str, guarantees: Sequence[str], names: Sequence[str] = jobs.NAMES) -> Parser:
    """The options of every program."""
    options = Parser(prog=program, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    options.option("--job", "j1", names)
    options.option("--broker", "127.0.0.1:9092", help="bootstrap address")
    options.option("--topic", "purchases", help="source, filled before the run")
    options.option("--out", "alerts", help="output, fresh for each run")
    options.option("--events", 2_000_000, help="records in the source; the run ends after them")
    options.option("--warmup", 0, help="records before measuring begins")
    options.option("--guarantee", guarantees[0], guarantees)
    options.option("--partitions", 4, help="of every topic")
    options.option("--commit-ms", 1000, help="milliseconds between commits")
    options.option("--group", program, help="consumer group or application id, fresh for each run")
    options.option("--state-dir", "", help="folder of local state; a temporary one when empty")
    options.option("--marks", 0, help="1: say where measuring begins and ends, and wait for a line each time")
    return options


def state_dir(options: argparse.Namespace) -> str:
    """The folder for local state: the one asked for, or one that is removed at exit."""
    if options.state_dir:
        Path(options.state_dir).mkdir(parents=True, exist_ok=True)
        return str(options.state_dir)
    folder = tempfile.mkdtemp(prefix="bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Run(Protocol):
    """What a meter must know of a run; the parsed options are one."""

    @property
    def job(self) -> str:
        """Its name."""

    @property
    def guarantee(self) -> str:
        """Its class."""

    @property
    def events(self) -> int:
        """Records in the source."""

    @property
    def warmup(self) -> int:
        """Records before measuring begins."""

    @property
    def marks(self) -> int:
        """1: the harness looks from outside."""


class Meter:
    """Counts events. Measured is from the end of the warm-up (at least one event) to the last event.

    With `--marks 1` the harness measures this process from outside: at either end the meter prints a line and waits
    for one, so that nothing goes on while the harness looks.
    """

    def __init__(self, program: str, options: Run) -> None:
        self.program = program
        self.count = 0
        self.outputs = 0
        self._options = options
        self._taken = 0
        self._next = max(1, options.warmup)
        self._begin: tuple[int, float, float] | None = None
        self._end: tuple[int, float, float] | None = None

    def taken(self, events: int) -> None:
        """Events are about to be worked on: for a program that ticks in large steps, after the commit.

        Measuring then begins with work that is still to be done, and not in the middle of it.
        """
        if self._begin is None and self._taken >= self._options.warmup:
            self._started(self._taken)
        self._taken += events

    def tick(self, events: int = 1) -> bool:
        """Count; true once the last event of the run is in."""
        self.count += events
        return self.count >= self._next and self._passed()

    def _started(self, count: int) -> None:
        self._next = self._options.events
        self._mark("begin", count)
        self._begin = (count, time.perf_counter(), time.process_time())

    def _passed(self) -> bool:
        if self._begin is None:
            self._started(self.count)
        if self.count >= self._options.events and self._end is None:
            self._end = (self.count, time.perf_counter(), time.process_time())
            self._mark("end", self.count)
        return self._end is not None

    def _mark(self, name: str, count: int) -> None:
        if self._options.marks:
            sys.stdout.write(json.dumps({"mark": name, "events": count}) + "\n")
            sys.stdout.flush()
            sys.stdin.readline()

    def finish(self) -> None:
        """Print one JSON line. To be called after a clean stop: outputs flushed, offsets committed."""
        line: dict[str, object] = {"program": self.program, "job": self._options.job}
        if self._begin is None or self._end is None or self._end[0] <= self._begin[0]:
            line |= {"error": "stopped early", "events": self.count}
        else:
            events, wall, cpu = (end - begin for begin, end in zip(self._begin, self._end, strict=True))
            line |= {
                "guarantee": self._options.guarantee,
                "events": events,
                "outputs": self.outputs,
                "wall_s": round(wall, 3),
                "cpu_s": round(cpu, 3),
                "events_per_s": round(events / wall),
                "cpu_us_per_event": round(cpu / events * 1e6, 2),
                "stop_wall_s": round(time.perf_counter() - self._end[1], 3),
                "stop_cpu_s": round(time.process_time() - self._end[2], 3),
            }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
