"""One worker of the fault suite: the product's own, after what only this suite may do to it has been done.

`python -m faults.worker --allowance P30D` is `agents.worker` with ticks of event time. `--bug N` plants a bug, see
`faults.planted`. Nothing in the product knows of this, so no setting of a service can ever turn it on.
"""

import os
from typing import NoReturn

from cyclopts import App

from agents import clock, crash_points
from agents.settings import TICKS
from agents.worker import main as worker_main
from faults import planted, raising
from streams.journal import Entry, Tick, encode_entry

app = App(name="faults.worker", help="One worker, with a bug in it if asked for.")


def crash_between_ticks() -> None:
    """P12: a pass of the ticker through one partition; the product has no hook there, since a tick may be lost."""

    def encoded(entry: Entry) -> bytes:
        if isinstance(entry, Tick):
            crash_points.reached("P12")
        return encode_entry(entry)

    vars(clock)["encode_entry"] = encoded


@app.default
def worker(*, allowance: str, bug: int | None = None) -> NoReturn:
    """Run it until it is told to stop.

    Args:
        allowance: how far ticks stay behind the newest event, as an ISO 8601 duration.
        bug: the number of a planted bug.
    """
    os.environ[TICKS] = f"event-time:{allowance}"
    crash_between_ticks()
    raising.install()
    if bug is not None:
        planted.plant(bug)
    worker_main()


if __name__ == "__main__":
    app()
