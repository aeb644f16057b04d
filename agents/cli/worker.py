"""`bellwether worker`: workers, kept running."""

import asyncio
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from agents.cli.output import settings
from agents.settings import TICKS  # not from the worker: it would import all of Faust, a second of every start
from agents.supervisor import Supervisor

app = App(
    name="worker",
    help="""Run workers, and restart those that stop.

For example:

    bellwether worker
    bellwether worker --processes 2
    bellwether worker --ticks event-time --allowance P21D

Addresses: BELLWETHER_KAFKA, BELLWETHER_REDIS. Probes and metrics: BELLWETHER_HTTP, one port up for each process.
Customers' states are in memory, or in files in the folder that BELLWETHER_STATE_DIRECTORY names.
""",
    help_format="plaintext",
)


@app.default
def worker(
    *,
    processes: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=64))] = 1,
    ticks: Literal["wall-clock", "event-time", "none"] = "wall-clock",
    allowance: str = "PT0S",
) -> None:
    """Run workers until SIGTERM; then finish what is under way and exit 0, within ten seconds.

    Args:
        processes: How many; more than the journal has partitions are idle.
        ticks: What a tick says: the time now, or the newest event's time (for recorded events played at speed). With
            none, whoever plays the events must append the ticks.
        allowance: With event-time, how far ticks stay behind the newest event, as an ISO 8601 duration.
    """
    environment = {TICKS: f"{ticks}:{allowance}" if ticks == "event-time" else ticks}
    sys.exit(asyncio.run(Supervisor(processes, environment, settings().http).run()))
