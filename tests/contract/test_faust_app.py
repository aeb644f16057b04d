"""The process around Faust: what it is given must not crash it."""

import subprocess
import sys

SAYS_ITS_LOOPS = """
import asyncio, sys
from agents import faust_app

def build():
    loops = (asyncio.get_event_loop_policy().get_event_loop(), asyncio.new_event_loop())
    print(*(type(one).__module__.split(".")[0] for one in loops))
    sys.exit(0)

faust_app.run(build)
"""


def test_fausts_threads_have_pythons_own_loop() -> None:
    """Faust stops its membership thread from another one; that crashed uvloop's loop natively."""
    done = subprocess.run([sys.executable, "-c", SAYS_ITS_LOOPS], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.split() == ["uvloop", "asyncio"]
