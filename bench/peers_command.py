"""`python -m bench peers`: ours beside the others, on the same topics, with the same check."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

from cyclopts import Parameter

from agents.demo.commit import commit
from agents.stack.errors import StackError
from bench import comparison, comparison_report, environments, plan, report
from bench.comparison import Wanted
from bench.comparison_report import Report
from bench.contestants import ALL
from bench.peers import jobs as jobs_of
from bench.plan import Contest

RESULTS = Path("docs/results")
USAGE = 2
OUT_OF_REACH = 3


def peers(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    full: Annotated[bool, Parameter(negative="", help="All programs, settings, jobs and skews.")] = False,
    minutes: Annotated[float | None, Parameter(help="No new pair after that; the first round is run whole.")] = None,
    pairs: Annotated[int | None, Parameter(help="Of each comparison, at most.")] = None,
    events: Annotated[int | None, Parameter(help="Of the largest source; slow programs get a share.")] = None,
    jobs: Annotated[str, Parameter(help="Only these, as in j1,j0.")] = "",
    only: Annotated[str, Parameter(help="Only programs whose names begin so, as in Quix,Kafka.")] = "",
    reference: Annotated[str, Parameter(help="The program that the others' figures are divided by.")] = "ours",
    pinned: Annotated[bool, Parameter(negative="", help="The program on one core, the broker on another.")] = False,
    loaded: Annotated[bool, Parameter(negative="", help="Count pairs that met other load; the page says so.")] = False,
    json: Annotated[Path | None, Parameter(name="--json", help="Write every run there.")] = None,
    save: Annotated[bool, Parameter(negative="", help=f"Write a page and its JSON to {RESULTS}.")] = False,
) -> int:
    """Compare with plain Faust, Quix Streams, Bytewax, Kafka Streams and bare clients; exit code 1 for a wrong output.

    Examples:
        python -m bench peers
        python -m bench peers --full --minutes 120 --save
        python -m bench peers --full --jobs j0 --only Quix --pairs 3
    """
    for told in (signal.SIGTERM, signal.SIGINT):  # we still end what we started, also in the middle of a run
        signal.signal(told, _interrupted)
    contests = plan.full(events or plan.FULL_EVENTS) if full else plan.quick(events or plan.QUICK_EVENTS)
    wanted = Wanted(
        contests=plan.chosen(contests, _words(jobs), _words(only)),
        pairs=pairs or (plan.FULL_PAIRS if full else plan.QUICK_PAIRS),
        minutes=minutes or (plan.FULL_MINUTES if full else plan.QUICK_MINUTES),
        reference=reference,
        pinned=pinned,
        loaded=loaded,
    )
    if not wanted.contests or reference not in ALL:
        sys.stderr.write(f"Nothing to compare. Jobs: {', '.join(jobs_of.NAMES)}. Programs: {'; '.join(ALL)}.\n")
        return USAGE
    try:
        done = _report(wanted)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return OUT_OF_REACH
    sys.stdout.write(comparison_report.as_markdown(done))
    _keep(done, json, RESULTS / f"peers-{'full' if full else 'quick'}.md" if save else None)
    return int(bool(comparison_report.faults(done.compared)))


def install() -> int:
    """Make the environments of all peers, so that a comparison fetches nothing."""
    try:
        environments.install(environments.NAMES)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return OUT_OF_REACH
    return 0


def _report(wanted: Wanted) -> Report:
    environments.install(sorted({name for one in wanted.contests for name in _environments(one, wanted)}))
    load = os.getloadavg()[0]
    compared = asyncio.run(comparison.compare(wanted))
    versions = report.versions() | environments.versions()
    return Report(report.machine(), versions, commit(), load, compared)


def _environments(contest: Contest, wanted: Wanted) -> Iterator[str]:
    yield ALL[contest.contestant].environment
    yield ALL[wanted.reference].environment


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    """Asyncio's own handler would wait for the run's end."""
    raise KeyboardInterrupt


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _keep(done: Report, file: Path | None, page: Path | None) -> None:
    if file is not None:
        file.write_bytes(comparison_report.as_json(done))
    if page is not None:
        page.write_text(comparison_report.as_markdown(done), encoding="utf-8")
        page.with_suffix(".json").write_bytes(comparison_report.as_json(done))
