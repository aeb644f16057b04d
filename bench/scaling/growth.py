"""CPU per event and memory of the decide stage at several numbers of customers, measured in turn."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import linear_regression, median
from typing import TypeVar

import msgspec
from msgspec import Struct

from bench.scaling.sizes import Loaded, Round
from bench.scaling.templates import Templates


class Size(Struct):
    """One number of customers: memory of the process before and after they were loaded, and each round's CPU."""

    customers: int
    loaded: Loaded
    rounds: list[Round] = []

    @property
    def cpu_us(self) -> float:
        """The median."""
        return median(one.cpu_us for one in self.rounds)

    @property
    def kernels(self) -> float:
        """The median of the ratios to the calibration."""
        return median(one.cpu_us / one.kernel_us for one in self.rounds)


class Growth(Struct):
    """All sizes, with the state that each customer has."""

    triggers_min: int
    state_bytes: float
    generated_bytes: float
    parts: dict[str, float]
    sizes: list[Size]

    @property
    def customer_bytes(self) -> float | None:
        """Memory for one more customer: the slope; None for a single size."""
        return slope([(size.customers, size.loaded.resident_after) for size in self.sizes])

    @property
    def flatness(self) -> float:
        """How much more an event costs at the dearest size than at the cheapest: 0.15 is 15 per cent."""
        known = [size.kernels for size in self.sizes]
        return max(known) / min(known) - 1


def slope(points: Sequence[tuple[int, int]]) -> float | None:
    """Least squares; None where there is no slope to tell."""
    if len({at for at, _ in points}) < 2:  # noqa: PLR2004 - a line takes two points
        return None
    return linear_regression(*zip(*points, strict=True)).slope


def measure(known: Templates, triggers_min: int, customers: Sequence[int], rounds: int, *, in_files: bool) -> Growth:
    """Load all sizes, each in a process of its own, then measure them in turn, there and back."""
    with tempfile.TemporaryDirectory(prefix="bellwether-bench-") as folder, ExitStack() as exits:
        file = Path(folder) / "templates"
        file.write_bytes(msgspec.msgpack.encode(known))
        places = [folder] if in_files else []
        children = [exits.enter_context(_child(file, count, places)) for count in customers]
        sizes = [Size(count, _read(child, Loaded)) for count, child in zip(customers, children, strict=True)]
        pairs = list(zip(sizes, children, strict=True))
        for turn in range(rounds):
            for size, child in pairs[:: -1 if turn % 2 else 1]:
                _ask(child)
                size.rounds.append(_read(child, Round))
    return Growth(triggers_min, known.blob_bytes, known.generated_bytes, known.parts, sizes)


Child = subprocess.Popen[bytes]
Told = TypeVar("Told", bound=Struct)


@contextmanager
def _child(templates: Path, customers: int, folders: list[str]) -> Iterator[Child]:
    command = [sys.executable, "-m", "bench.scaling.sizes", str(templates), str(customers), *folders]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 - our own
        try:
            yield child
        finally:
            child.kill()


def _ask(child: Child) -> None:
    assert child.stdin is not None  # noqa: S101 - for the type checker: it was asked for
    child.stdin.write(b"\n")
    child.stdin.flush()


def _read(child: Child, told: type[Told]) -> Told:
    assert child.stdout is not None  # noqa: S101 - for the type checker: it was asked for
    return msgspec.json.decode(child.stdout.readline(), type=told)
