"""`python -m bench`: measure, print, and keep the result if asked to."""

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from agents import config_files, settings
from agents.cli.output import OUT_OF_REACH
from agents.demo.commit import commit
from agents.demo.generator import SourceRecord
from agents.stack import kafka
from bench import core, data, guard, mapping, page, pipeline, recovery_report, report
from bench import public as on_public_data
from bench import recovery as recovering
from bench.archives import ArchiveError
from bench.backtest import backtest
from bench.figures import figures
from bench.latency.command import latency, latency_faults
from bench.peers_command import install, peers
from bench.scaling.command import scale
from streams import config
from streams.config import Config

BROKER_JVM = "-XX:+UseSerialGC"  # with the optimizing compiler, as a broker has it that runs for long
SHIPPED = "shipped triggers"
FEW = ("balance_drop", "card_testing", "fraud_verdict")  # what was there first: what do the others add?
RESULT = Path("docs/results/first-benchmark.md")
RECOVERY_RESULT = Path("docs/results/recovery.md")
PUBLIC_RESULT = Path("docs/results/public-data.md")

app = App(
    name="bench", help="What an event costs, here and elsewhere, and how long a restart takes.", help_format="plaintext"
)
app.command(peers)
app.command(install)
app.command(latency)
app.command(latency_faults)
app.command(scale)
app.command(figures)
app.command(backtest)


@app.command(name="pipeline")
def bench(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    events: int = 200_000,
    customers: Annotated[int | None, Parameter(help="Default: as few as it takes, all their months.")] = None,
    seed: int = 1,
    repeats: Annotated[int, Parameter(help="Of each core part.")] = 5,
    runs: Annotated[int, Parameter(help="Of each kind of pipeline run.")] = 2,
    workers: Annotated[tuple[int, ...], Parameter(help="Process counts of the pipeline runs; 0: none.")] = (1,),
    json: Annotated[Path | None, Parameter(name="--json", help="Write all rows there.")] = None,
    save: Annotated[bool, Parameter(negative="", help=f"Write {RESULT} and the JSON beside it.")] = False,
) -> int:
    """Measure; exit code 1 when an output was wrong."""
    rules = config_files.load(settings.PACKAGED_CONFIG)
    records = data.source_records(events, customers, seed)
    journals = {SHIPPED: rules, "three triggers": _only(rules, FEW), "all triggers off": _only(rules, ())}
    prepared = data.prepare(records, journals)
    measured = report.Report(
        machine=report.machine(),
        versions=report.versions(),
        commit=commit(),
        events=len(records),
        customers=data.customers_of(records),
        seed=seed,
        core=core.measure(prepared, repeats, SHIPPED),
        runs=_runs(records, rules, [count for count in workers if count], runs),
    )
    report.show(measured)
    _keep(measured, [json] if json else [], save=save)
    faults = [row.faults for row in measured.core.rows] + [run.faults for run in measured.runs]
    return int(any(faults))


@app.command
def recovery(
    *,
    customers: Annotated[int, Parameter(help="States to recover.")] = 200_000,
    times: Annotated[int, Parameter(help="Rounds: a kill, then a restart of both workers.")] = 6,
    save: Annotated[bool, Parameter(negative="", help=f"Write {RECOVERY_RESULT} and the JSON beside it.")] = False,
) -> int:
    """How long decisions stand still after a kill -9 and in a rolling restart; exit code 1 when something is wrong."""
    outcome = asyncio.run(recovering.measure(customers, times))
    done = recovery_report.Report(report.machine(), report.versions(), commit(), outcome)
    text = recovery_report.as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(RECOVERY_RESULT, text, done)
    return int(bool(outcome.problems))


@app.command(name="guard")
def guard_costs(
    *, save: Annotated[bool, Parameter(negative="", help="Make what is measured the new baseline.")] = False
) -> int:
    """Count what an event costs the pure core, against the baseline; exit code 1 when a tenth was added."""
    measured = guard.measure()
    for name, cost in measured.costs.items():
        sys.stdout.write(f"{name:28} {cost.steps:6} steps {cost.objects:5} objects\n")
    if save:
        guard.save(measured)
    worse = list(guard.compare(measured, guard.read_baseline()))
    sys.stdout.writelines(f"{line}\n" for line in worse)
    return int(bool(worse))


@app.command(name="mapping")
def mapping_costs() -> int:
    """What it costs to read a record of a mapped source, beside the same event in our own field names."""
    for row in mapping.measure():
        mapped, direct = (
            f"{row.mapped_us:5.1f} µs, {row.mapped_bytes} bytes",
            f"{row.direct_us:5.1f} µs, {row.direct_bytes}",
        )
        sys.stdout.write(f"{row.source:24} mapped {mapped}; direct {direct} bytes\n")
    return 0


@app.command
def public(
    *, save: Annotated[bool, Parameter(negative="", help=f"Write {PUBLIC_RESULT} and the JSON beside it.")] = False
) -> int:
    """What public data say of learned cycles and merchant codes; exit code 1 for an unknown code, 3 without data."""
    try:
        done = on_public_data.measure(commit())
    except ArchiveError as error:
        sys.stderr.write(f"{error}\n")
        return OUT_OF_REACH
    text = on_public_data.as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(PUBLIC_RESULT, text, done)
    return int(not all(done.codes.values()))


def _only(rules: Config, names: Iterable[str]) -> Config:
    """The same rules with all other triggers off."""
    document = msgspec.json.decode(config.encode(rules))
    return config.build(document | {"triggers": {name: document["triggers"][name] for name in names}})


def _runs(records: list[SourceRecord], rules: Config, counts: list[int], times: int) -> list[pipeline.Run]:
    """Views on and off in turn, so that a busy spell of the machine meets both."""
    return [
        asyncio.run(pipeline.measure(records, rules, count=count, views=views))
        for turn in range(times)
        for count in counts
        for views in ((True, False) if turn % 2 else (False, True))
    ]


def _keep(measured: report.Report, files: list[Path], *, save: bool) -> None:
    if save:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(report.as_markdown(measured), encoding="utf-8")
        files = [*files, RESULT.with_suffix(".json")]
    for file in files:
        file.write_bytes(report.as_json(measured))


if __name__ == "__main__":
    os.environ.setdefault(kafka.PERFORMANCE, BROKER_JVM)
    app()
