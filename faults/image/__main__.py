"""`python -m faults.image`: is the image what it is said to be, and does it live and die as it should?

It needs Docker on Linux (the containers share this machine's network), and takes about two minutes.
"""

import sys
from collections.abc import Iterator
from typing import Annotated

from cyclopts import App, Parameter

from agents.cli.output import FINDINGS, FINE, OUT_OF_REACH, message
from agents.stack import StackError
from faults.image.contents import look
from faults.image.engine import EngineError, Finding
from faults.image.life import lives

app = App(name="image", help="Look into the workers' image, and run, kill, cut off and stop it.")


@app.default
def image(name: Annotated[str, Parameter(help="The image.")] = "bellwether:0.1.0", /) -> int:
    """Tell each claim as it is settled. Exit code 1 when one doesn't hold, 3 without an engine or servers."""
    broken = 0
    try:
        for one in _findings(name):
            sys.stdout.write(f"{'ok   ' if one.holds else 'WRONG'} {one.claim}: {one.seen}\n")
            sys.stdout.flush()
            broken += not one.holds
    except (EngineError, StackError) as error:
        message(str(error), style="red")
        return OUT_OF_REACH
    message(f"{broken} claims don't hold." if broken else "All of it holds.")
    return FINDINGS if broken else FINE


def _findings(name: str) -> Iterator[Finding]:
    yield from look(name)
    yield from lives(name)


if __name__ == "__main__":
    app()
