"""One run of one program: measured from outside, then its output checked."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import IO

import msgspec
import psutil  # type: ignore[import-untyped]  # ships no types
from msgspec import Struct

from bench import contestants, environments, outcome, sources
from bench.calibration import kernel_us
from bench.contestants import Contestant, Order
from bench.sources import Source
from bench.usage import Look, look

RUN_SECONDS_MAX = 1800.0
LAST_WORDS = 600  # characters of a log that are quoted


class PeerRun(Struct, frozen=True):
    """One run, as it came. CPU is user and system of the process tree, between the first and the last event.

    Attributes:
        measured: events between the two.
        stop_cpu_seconds: of the clean stop after that: the last commit and flush, and leaving.
        kernel_us: the calibration, right before and after.
        own: what the program says of itself.
        faults: what was wrong with the output; then there is no speed.
    """

    contestant: str
    job: str
    skew: str
    guarantee: str
    events: int
    measured: int = 0
    cpu_seconds: float = 0.0
    broker_seconds: float = 0.0
    wall_seconds: float = 0.0
    stop_cpu_seconds: float = 0.0
    stop_wall_seconds: float = 0.0
    resident_bytes: int = 0
    steal_share: float = 0.0
    foreign_share: float = 0.0
    kernel_us: float = 0.0
    own: dict[str, str | float | int] = {}
    faults: list[str] = []

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per event."""
        return self.cpu_seconds / self.measured * 1e6

    @property
    def broker_us(self) -> float:
        """The broker's, per event."""
        return self.broker_seconds / self.measured * 1e6

    @property
    def per_second(self) -> float:
        """Events a second of wall time."""
        return self.measured / self.wall_seconds


class Field(Struct, frozen=True):
    """Where runs take place.

    `program_core`, `broker_core`: pinned to these; None: wherever the system puts them.
    """

    kafka: str
    broker_pid: int
    folder: Path
    program_core: int | None = None


async def run(  # noqa: PLR0913 - what, where, on what
    field: Field, contestant: Contestant, source: Source, job: str, *, warmup: int, number: int
) -> PeerRun:
    """Run it on a fresh output, group and state, and check what it wrote."""
    group = f"run-{number}"
    folder = field.folder / group
    folder.mkdir()
    out = f"{group}-out" if contestant.by_kafka else str(folder / "out.jsonl")
    topic = source.topic if contestant.by_kafka else str(source.file)
    order = Order(job, field.kafka, topic, out, source.settings.events, warmup, group, sources.PARTITIONS, folder)
    if contestant.by_kafka:
        await sources.create_topic(field.kafka, out)
    before = kernel_us()
    done = _measured(field, contestant, order, source.settings.skew)  # blocking: nothing else is to run meanwhile
    after = kernel_us()
    faults = done.faults or await _wrong(field, contestant, order, source)
    await sources.delete_topics_of(field.kafka, group)
    if not faults:
        shutil.rmtree(folder)
    return msgspec.structs.replace(done, kernel_us=(before + after) / 2, faults=faults)


async def _wrong(field: Field, contestant: Contestant, order: Order, source: Source) -> list[str]:
    if order.job not in source.expected:  # only decoded: nothing comes out
        return []
    if not contestant.by_kafka:
        found = sources.outcome_of_file(Path(order.out), order.job)
    else:
        found = await sources.outcome_of(field.kafka, order.out, order.job)
    faults = outcome.faults(source.expected[order.job], found)
    if contestant.keeps_offsets and (left := await sources.uncommitted(field.kafka, order.group, order.topic)):
        faults.append(f"{left:,} records of the source were not committed")
    return faults


def _measured(field: Field, contestant: Contestant, order: Order, skew: str) -> PeerRun:
    """Start, wait for the two marks, and for the end."""
    row = PeerRun(contestant.name, order.job, skew, contestant.guarantee, order.events)
    log = order.folder / "log"
    with _started(field, contestant, order, log) as process:
        try:
            begin, first = _mark(process, field)
            end, last = _mark(process, field)
            said = _end(process)
            cpu, wall = _used_at_exit(process), time.monotonic()
        except (msgspec.DecodeError, KeyError, BrokenPipeError) as error:
            return msgspec.structs.replace(row, faults=[f"it ended early ({error}): {_last_words(log)}"])
    seconds = end.at - begin.at
    cores = os.cpu_count() or 1
    return msgspec.structs.replace(
        row,
        measured=last - first,
        cpu_seconds=end.program - begin.program,
        broker_seconds=end.broker - begin.broker,
        wall_seconds=seconds,
        stop_cpu_seconds=max(0.0, cpu - end.program),
        stop_wall_seconds=wall - end.at,
        resident_bytes=end.resident_bytes,
        steal_share=(end.steal - begin.steal) / seconds / cores,
        foreign_share=max(0.0, end.others - begin.others) / seconds / cores,
        own=said,
        faults=[f"it ended with {process.returncode}: {_last_words(log)}"] if process.returncode else [],
    )


@contextmanager
def _started(field: Field, contestant: Contestant, order: Order, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    words, own = contestants.command(contestant, order)
    environment = {**os.environ, **own, "PYTHONPATH": str(environments.ROOT)}
    first = contestants.prepared_by(contestant, order)
    if first:
        subprocess.run(first, check=True, env=environment, cwd=order.folder)  # noqa: S603 - our own
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own
            words,
            env=environment,
            cwd=order.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    if field.program_core is not None:
        psutil.Process(process.pid).cpu_affinity([field.program_core])
    limit = Timer(RUN_SECONDS_MAX, _kill, [process])
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        _kill(process)
        for pipe in _pipes(process):
            pipe.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None  # noqa: S101 - for the type checker: both were asked for
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout


def _mark(process: subprocess.Popen[bytes], field: Field) -> tuple[Look, int]:
    """The next mark: look while the program waits, then let it go on."""
    stdin, stdout = _pipes(process)
    events = msgspec.json.decode(_line(stdout))["events"]
    seen = look(process.pid, field.broker_pid)
    stdin.write(b"\n")
    stdin.flush()
    return seen, events


def _line(stdout: IO[bytes]) -> bytes:
    """The meter's next line: logs may be there too."""
    return next((line for line in stdout if line.startswith((b'{"mark"', b'{"program"'))), b"")


def _end(process: subprocess.Popen[bytes]) -> dict[str, str | float | int]:
    said = msgspec.json.decode(_line(_pipes(process)[1]), type=dict[str, str | float | int])
    if "error" in said:
        raise KeyError(said["error"])
    return said


def _used_at_exit(process: subprocess.Popen[bytes]) -> float:
    """What the whole tree had used when it ended: the system tells it to whoever waits."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-LAST_WORDS:]
