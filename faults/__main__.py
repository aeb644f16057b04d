"""`python -m faults`: break everything, compare with the oracle, print, and keep the result if asked to."""

import secrets
import signal
import time
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from agents.demo.commit import commit
from bench.report import machine, versions
from faults import report, selftest
from faults.orders import carry_out
from faults.report import Report
from faults.schedule import Length, groups, least

RESULTS = Path("docs/results")

app = App(name="faults", help="Kill, freeze and cut off workers, Kafka and Redis, and compare with the oracle.")


@app.default
def faults(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    short: Annotated[bool, Parameter(negative="", help="A few minutes (the default).")] = False,
    long: Annotated[bool, Parameter(negative="", help="Most of an hour, millions of events.")] = False,
    self_test: Annotated[
        bool, Parameter(name="--selftest", negative="", help="Plant bugs; each must be found.")
    ] = False,
    rows: Annotated[
        str, Parameter(help="Only these rows, as in F-01,F-04; only these bugs, as in 1,8, with --selftest.")
    ] = "",
    seed: Annotated[int | None, Parameter(help="Of the schedule and the events; drawn when not given.")] = None,
    json: Annotated[Path | None, Parameter(name="--json", help="Write everything there.")] = None,
    save: Annotated[bool, Parameter(negative="", help=f"Write a page and its JSON to {RESULTS}.")] = False,
    keep: Annotated[bool, Parameter(negative="", help="Keep the logs of servers and workers.")] = False,
) -> int:
    """Run; exit code 1 when anything was lost, doubled or wrong, or when too few faults hit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, we still clean up
    length: Length = "long" if long and not short else "short"
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    if self_test:
        return selftest.run(seed, [int(number) for number in rows.split(",") if number])
    chosen = [row for row in rows.split(",") if row]
    began_at = time.monotonic()
    results = carry_out(groups(length, seed, chosen), seed, keep=keep)
    wanted = {row: count for row, count in least(length).items() if not chosen or row in chosen}
    done = Report(
        length=length,
        seed=seed,
        machine=machine(),
        versions=versions(),
        commit=commit(),
        seconds=time.monotonic() - began_at,
        results=results,
        missing=report.too_few(results, wanted),
    )
    report.show(done)
    _keep(done, json, save=save)
    return int(bool(done.problems))


def _keep(done: Report, file: Path | None, *, save: bool) -> None:
    if file is not None:
        file.write_bytes(report.as_json(done))
    if save:
        page = RESULTS / f"faults-{done.length}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(report.as_markdown(done), encoding="utf-8")
        results = [msgspec.structs.replace(one, folder="") for one in done.results]
        page.with_suffix(".json").write_bytes(report.as_json(msgspec.structs.replace(done, results=results)))


if __name__ == "__main__":
    app()
