"""Log lines: pretty on a terminal, JSON elsewhere, to stdout only, and nothing about a customer in them.

Logs tell of the machine: assignment, recovery, config switch, fence, breaker, stop. Decisions have their topic. Every
line, those of Faust and aiokafka too, goes through one net before it is written: bytes (keys and values of records)
become their length, fields named like a customer or a record are withheld, card numbers and secrets are masked.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agents import log_repeats
from streams.masking import masked

LINE_BYTES_MAX = 16_384  # a traceback fits; a record that slipped into a message doesn't fill the disk
WITHHELD = frozenset({"blob", "customer", "customers", "document", "headers", "key", "keys", "record", "value"})
_BYTES_LITERAL = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")""", re.DOTALL)


def set_up(
    stream: TextIO | None = None,
    level: int = logging.INFO,
    libraries: int = logging.WARNING,
    seconds: Callable[[], float] = time.monotonic,
) -> None:
    """Sends structlog and standard logging through one chain to `stream` (stdout); call once, before anything logs.

    Args:
        stream: pretty when it is a terminal, else one JSON object a line.
        level: of our own lines.
        libraries: of everybody else's: Faust, aiokafka, redis. What these say again and again is counted instead.
        seconds: the clock that "again and again" is measured by.
    """
    stream = stream or sys.stdout
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = log_repeats.SparingHandler(stream, seconds)
    handler.setFormatter(_formatter(pretty=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(libraries)
    for ours in ("agents", "streams"):
        logging.getLogger(ours).setLevel(level)
    logging.captureWarnings(True)  # noqa: FBT003 - the standard library's own signature


def redact(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """The net: a structlog processor, the last before a line is written."""
    return {name: _redacted(name, value) for name, value in line.items()}


def _shared() -> list[Processor]:
    """What every line gets, wherever it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(*, pretty: bool) -> logging.Formatter:
    """Exceptions become text before the net, frames without their variables: these hold records."""
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(log_repeats.DETAILS)],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )


def _redacted(name: str, value: object) -> object:
    """`value` fit to be seen; `name` tells a secret that its value doesn't."""
    if name in WITHHELD:
        return "[withheld]"
    if isinstance(value, Mapping):
        return {_clean("", str(inner)): _redacted(str(inner), one) for inner, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(name, one) for one in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return _plain(name, value)


def _plain(name: str, value: object) -> object:
    """Numbers stay numbers, unless they are a card's or a secret's."""
    text = str(value)
    clean = _clean(name, text)
    return value if clean == text and isinstance(value, int | float | None) else clean


def _clean(name: str, text: str) -> str:
    prefix = f"{name}="
    line = prefix + _BYTES_LITERAL.sub("[bytes]", text)
    return masked(line.encode(errors="replace"), LINE_BYTES_MAX).decode().removeprefix(prefix)
