"""Places where a worker may be made to die, for the fault suite: `CRASH_AT=point:n`, off unless set.

| point | the worker ends |
|---|---|
| `P1` | after computing, before anything is appended |
| `P2` | when the first outputs are on their way, in an open transaction |
| `P3` | after the input positions were sent, before the end of the transaction |
| `P4` | while the end of the transaction is under way |
| `P5` | committed, not adopted |
| `P6` | adopted, views not written |
| `P7` | while views are on their way to Redis |
| `P10` | between the fence and the end of recovery |

`P2:3` is the third pass.
"""

import asyncio
import os

EXIT_CODE = 137  # what a shell says of kill -9
VARIABLE = "CRASH_AT"
SOON_SECONDS = 0.001


class CrashPoint:
    """The one point that is armed; `left` passes are still survived, and then one is not."""

    def __init__(self, said: str) -> None:
        self.name, _, passes = said.partition(":")
        self.left = int(passes)

    def is_passed(self, name: str) -> bool:
        """Whether this is the pass that ends the process."""
        if name != self.name:
            return False
        self.left -= 1
        return self.left == 0


_armed = CrashPoint(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def reached(point: str) -> None:
    """End the process here, if it was told to."""
    if _armed is not None and _armed.is_passed(point):
        os._exit(EXIT_CODE)


def soon(point: str) -> None:
    """End the process in the middle of what is awaited next, if it was told to."""
    if _armed is not None and _armed.is_passed(point):
        asyncio.get_running_loop().call_later(SOON_SECONDS, os._exit, EXIT_CODE)
