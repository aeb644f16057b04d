"""`python -m bench public`: what public data say, printed, and kept if asked to."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from agents.cli.output import OUT_OF_REACH
from bench import page, report
from bench.archives import ArchiveError
from bench.public import as_markdown, measure

RESULT = Path("docs/results/public-data.md")


def public(
    *, save: Annotated[bool, Parameter(negative="", help=f"Write {RESULT} and the JSON beside it.")] = False
) -> int:
    """What public data say of learned cycles and merchant codes; exit code 1 for an unknown code, 3 without data."""
    try:
        done = measure(report.commit())
    except ArchiveError as error:
        sys.stderr.write(f"{error}\n")
        return OUT_OF_REACH
    text = as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(RESULT, text, done)
    return int(not all(done.codes.values()))
