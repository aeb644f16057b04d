"""Groups run side by side, each in a process of its own: they mostly wait, for sessions to end."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from faults.group import Order, Result
from faults.schedule import Group

END_SECONDS_MAX = 60.0
BROKE_OFF = "the group broke off: see above"


def carry_out(groups: Sequence[Group], seed: int, *, keep: bool = False) -> list[Result]:
    """Run all groups at once; an interrupt ends them and whatever they started.

    A group that ends without a result has one that says so.
    """
    sys.stderr.write(f"seed {seed}\n")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{group.name}.json" for group in groups]
        orders = [Order(group, seed, str(file), keep) for group, file in zip(groups, files, strict=True)]
        running: list[subprocess.Popen[bytes]] = []
        try:
            running += [_start(order) for order in orders]
            for process in running:
                process.wait()
        finally:
            _end(running)
        return [_result(group, seed, file) for group, file in zip(groups, files, strict=True)]


def _start(order: Order) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-m", "faults.group"], stdin=subprocess.PIPE)
    assert process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
    process.stdin.write(msgspec.json.encode(order))
    process.stdin.close()
    return process


def _end(running: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Groups that still run clean up after themselves when they are told to stop."""
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in running:
        process.wait(END_SECONDS_MAX)


def _result(group: Group, seed: int, file: Path) -> Result:
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Result)
    return Result(group.name, seed, problems=[BROKE_OFF])
