"""How a worker stops when it must not go on: one clear line, then out, without another word to Kafka.

An orderly shutdown would let Faust commit what it takes for done. The supervisor starts a fresh worker, and only a
fresh one, with new producers, learns what really became of a transaction.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import structlog

log = structlog.get_logger()


class Code(IntEnum):
    """Exit codes of a worker; 0 is a clean stop."""

    BATCH_FAILED = 70
    FENCED = 71
    TIMED_OUT = 72
    NO_PROGRESS = 73
    ASSIGNMENT_FAILED = 74
    TASK_FAILED = 75
    TOO_MANY_DEAD_LETTERS = 76
    ACCESS_REFUSED = 77
    MISCONFIGURED = 78


# What a restart doesn't mend; each attempt with a wrong password may count towards locking its user out.
FINAL = frozenset({Code.ACCESS_REFUSED, Code.MISCONFIGURED})
# Errors of Kafka's and Redis' clients by name: their modules are slow to import.
REFUSALS = frozenset(
    {
        *("TopicAuthorizationFailedError", "GroupAuthorizationFailedError", "ClusterAuthorizationFailedError"),
        *("TransactionalIdAuthorizationFailed", "SaslAuthenticationFailed", "UnsupportedSaslMechanismError"),
        *("IllegalSaslStateError", "AuthenticationError", "AuthorizationError", "NoPermissionError"),
    }
)


def is_refusal(error: BaseException) -> bool:
    """Whether Kafka or Redis knows us not, or grants us too little."""
    return any(kind.__name__ in REFUSALS for kind in type(error).__mro__)


def at_once(code: Code, event: str, **details: object) -> NoReturn:
    """Say why, then end the process; no clean-up code runs."""
    log.critical(event, exit_code=int(code), meaning=code.name.lower(), **details)
    os._exit(code)


@contextmanager
def on_failure(code: Code, event: str, **details: object) -> Iterator[None]:
    """End the process if the block raises: for places where Faust would lose the exception or go on after it.

    A refusal by Kafka has its own code, wherever it comes.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, this worker can't go on
        at_once(Code.ACCESS_REFUSED if is_refusal(error) else code, event, error=repr(error), **details)
