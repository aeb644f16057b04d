"""The same line of a library again and again is written once in a while, and how many weren't is said.

While a broker is away aiokafka tells so hundreds of times a second, and a log store that drowns in it loses the line
that matters. Lines are the same if logger, level and template are; what is filled in may differ. Our own, which come
from structlog as dictionaries, are always written.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TextIO

QUIET_SECONDS = 10.0
DETAILS = ("repeated", "library", "template")


class Line(NamedTuple):
    """What makes two lines the same."""

    library: str
    level: int
    template: str


@dataclass
class Written:
    """When a line was last written, and how often it was held back since."""

    at_seconds: float
    repeated: int = 0


class SparingHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream; a foreign line that was written less than `QUIET_SECONDS` ago is counted instead.

    The count, `repeated`, is told with the same line when it is next written. If it doesn't come again, a line
    `lines_held_back` tells: before the next line of any kind after that time, and at once before a critical line or
    the end, since nothing may come after these.
    """

    def __init__(self, stream: TextIO, seconds: Callable[[], float]) -> None:
        super().__init__(stream)
        self._seconds = seconds
        self._lately: dict[Line, Written] = {}  # the oldest first

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record or count it; the standard library holds the handler's lock meanwhile."""
        now = self._seconds()
        if not isinstance(record.msg, dict) and self._held_back(record, now):
            return
        self._tell_of_lines_before(math.inf if record.levelno >= logging.CRITICAL else now - QUIET_SECONDS)
        super().emit(record)

    def close(self) -> None:
        """Tell what wasn't told; the standard library calls this when a process ends in order."""
        self._tell_of_lines_before(math.inf)
        super().close()

    def _held_back(self, record: logging.LogRecord, now: float) -> bool:
        line = Line(record.name, record.levelno, str(record.msg))
        last = self._lately.get(line)
        if last and now - last.at_seconds < QUIET_SECONDS:
            last.repeated += 1
            return True
        if last and last.repeated:
            record.repeated = last.repeated
        self._lately.pop(line, None)
        self._lately[line] = Written(now)
        return False

    def _tell_of_lines_before(self, written_seconds: float) -> None:
        while self._lately:
            line, last = next(iter(self._lately.items()))
            if last.at_seconds > written_seconds:
                return
            del self._lately[line]
            if last.repeated:
                super().emit(_held_back_line(line, last.repeated))


def _held_back_line(line: Line, repeated: int) -> logging.LogRecord:
    told = dict(zip(DETAILS, (repeated, line.library, line.template), strict=True))
    level = {"levelno": line.level, "levelname": logging.getLevelName(line.level)}
    return logging.makeLogRecord({"name": __name__, "msg": "lines_held_back", **level, **told})
