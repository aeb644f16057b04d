"""A request to end, remembered until somebody looks.

Raising alone isn't enough: Python drops what is raised while it runs a finalizer, and the demo would go on.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_asked: list[int] = []


@contextmanager
def heard() -> Iterator[None]:
    """From here on Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt, now and at the next `check`."""
    _asked.clear()
    before = {number: signal.signal(number, _hear) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Raises KeyboardInterrupt if somebody has asked."""
    if _asked:
        raise KeyboardInterrupt


def _hear(number: int, _: FrameType | None) -> None:
    _asked.append(number)
    raise KeyboardInterrupt
