"""`python -m bench scale`: measure, print, keep."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from agents import config_files, settings
from bench import data, page, pipeline
from bench.pipeline import Run
from bench.scaling import growth, recovered, report, templates, triggers

RESULT = Path("docs/results/scaling.md")
RESULT_IN_FILES = RESULT.with_name("scaling-in-files.md")
Part = Literal["workers", "customers", "triggers", "recovery"]
PARTS: tuple[Part, ...] = get_args(Part)
LIVES = 472  # four of each role
SEED = 1


def scale(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    part: Annotated[tuple[Part, ...], Parameter(help="May be given several times. Default: all.")] = PARTS,
    events: Annotated[int, Parameter(help="Of the runs with workers and with triggers.")] = 200_000,
    runs: Annotated[int, Parameter(help="Of each number of workers.")] = 4,
    repeats: Annotated[int, Parameter(help="Of each set of triggers.")] = 5,
    customers: Annotated[tuple[int, ...], Parameter(help="How many there are; CPU and memory at each.")] = (
        *(10_000, 100_000),
        *(1_000_000, 2_000_000),
    ),
    rounds: Annotated[int, Parameter(help="Of each number of customers.")] = 8,
    triggers_min: Annotated[int, Parameter(help="How many triggers each customer's state is of, at least.")] = 10,
    lives: Annotated[int, Parameter(help="Generated lives that states are made of.")] = LIVES,
    recover: Annotated[tuple[int, ...], Parameter(help="Customers to recover, in turn.")] = (0, 1_000_000, 1_000_000),
    writes: Annotated[int, Parameter(help="How often each customer is in the changelog.")] = 1,
    in_files: Annotated[bool, Parameter(negative="", help="States of customers and recovery in files.")] = False,
    save: Annotated[
        bool, Parameter(negative="", help=f"Write {RESULT} or {RESULT_IN_FILES.name}, and the JSON beside it.")
    ] = False,
) -> int:
    """How cost, memory and recovery grow with workers, customers and triggers; exit code 1 when an output was wrong."""
    load = page.load_average()
    known = templates.make(lives, triggers_min, SEED) if {"customers", "recovery"} & set(part) else None
    workers = _workers(events, runs) if "workers" in part else []
    asked = known if "customers" in part else None
    grown = growth.measure(asked, triggers_min, customers, rounds, in_files=in_files) if asked else None
    rows = triggers.measure(events, repeats, SEED) if "triggers" in part else []
    starts = recover if known and "recovery" in part else ()
    done = report.Report(
        page.origin(load),
        workers,
        grown,
        rows,
        [asyncio.run(recovered.measure(known, one, writes, in_files=in_files)) for one in starts if known],
        in_files,
    )
    text = report.as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(RESULT_IN_FILES if in_files else RESULT, text, done)
    return int(bool(report.wrong(done)))


def _workers(events: int, runs: int) -> list[Run]:
    """One worker and two, there and back, so that a busy spell of the machine meets both."""
    records = data.source_records(events, None, SEED)
    rules = config_files.load(settings.PACKAGED_CONFIG)
    return [
        asyncio.run(pipeline.measure(records, rules, count=count, views=False))
        for turn in range(runs)
        for count in ((2, 1) if turn % 2 else (1, 2))
    ]
