"""`python -m bench latency`: measure, print, keep."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import Struct

from bench import page
from bench.latency import outages, outages_report, points, report, sites
from bench.latency.points import Point, Range

RESULT = Path("docs/results/latency.md")
FAULTS_RESULT = Path("docs/results/latency-faults.md")
ONE_STAGE_RESULT = Path("docs/results/latency-one-stage.md")
SHARES_RESULT = Path("docs/results/latency-shares.md")
SHARES = (10, 25, 50, 75, 90)
SEARCH_BEGIN = 2_000.0
CONFIRM_STEP = 0.9


class Plan(Struct, frozen=True):
    """Which rates, and how long each."""

    rates: tuple[float, ...]
    shares: tuple[int, ...]
    warm_seconds: float
    seconds: float
    events_min: int
    trial_seconds: float
    confirm_seconds: float

    def seconds_at(self, per_second: float) -> float:
        """How long this rate is measured."""
        return max(self.seconds, self.events_min / per_second)


def latency(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    rate: Annotated[tuple[float, ...], Parameter(help="Events a second; may be given several times.")] = (),
    share: Annotated[
        tuple[int, ...], Parameter(help="Per cent of the sustainable rate, where no rate is given.")
    ] = SHARES,
    seconds: Annotated[float, Parameter(help="Least time for each rate.")] = 30.0,
    events: Annotated[int, Parameter(help="Least number of events for each rate.")] = 0,
    warm_seconds: Annotated[float, Parameter(help="At the same rate, thrown away.")] = 5.0,
    trial_seconds: Annotated[float, Parameter(help="Of each step of the search for the sustainable rate.")] = 10.0,
    confirm_seconds: Annotated[float, Parameter(help="What the search finds must hold for so long.")] = 30.0,
    customers: int = 100_000,
    ask_every: Annotated[int, Parameter(help="One event in so many leads to an action.")] = 20,
    workers: int = 2,
    program: Annotated[
        tuple[str, ...],
        Parameter(
            help="One stage instead (J1): a contestant, or NAME=COMMAND with {kafka} {source} {output} {folder}."
        ),
    ] = (),
    save: Annotated[
        bool,
        Parameter(
            negative="", help=f"Write {RESULT}, {ONE_STAGE_RESULT} or, without rates, {SHARES_RESULT}, and the JSON."
        ),
    ] = False,
) -> int:
    """How long from an event to its action, at an even pace that waits for nobody; exit code 1 when one was wrong."""
    plan = Plan(rate, share, warm_seconds, seconds, events, trial_seconds, confirm_seconds)
    load = page.load_average()
    some = [sites.program(one, customers, ask_every) for one in program] or [
        sites.pipeline(workers, customers, ask_every)
    ]
    done = report.Report(page.origin(load), [])
    for one in some:
        with one as site:
            done.systems.append(_measured(site, plan))
    done = report.Report(page.origin(load), done.systems)
    text = report.as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(ONE_STAGE_RESULT if program else RESULT if rate else SHARES_RESULT, text, done)
    return int(bool(report.wrong(done)))


def latency_faults(
    *,
    rate: Annotated[float, Parameter(help="Events a second.")] = 1_000.0,
    seconds: Annotated[float, Parameter(help="Of each run; the fault comes after ten of them.")] = 45.0,
    times: Annotated[int, Parameter(help="Each fault.")] = 1,
    customers: int = 100_000,
    save: Annotated[bool, Parameter(negative="", help=f"Write {FAULTS_RESULT} and the JSON beside it.")] = False,
) -> int:
    """The same while a worker is killed or frozen, the broker restarted, Redis away; exit code 1 if one was wrong."""
    load = page.load_average()
    outcome = outages.measure(rate, seconds, times, customers)
    done = outages_report.Report(page.origin(load), outcome)
    text = outages_report.as_markdown(done)
    sys.stdout.write(text)
    if save:
        page.keep(FAULTS_RESULT, text, done)
    return int(bool(outages_report.wrong(done)))


def _measured(site: sites.Site, plan: Plan) -> report.Measured:
    with points.ranging(site) as one:
        sustainable = None if plan.rates else _sustainable(one, plan)
        rates = plan.rates or tuple(share / 100 * sustainable for share in plan.shares if sustainable)
        return report.Measured(
            name=site.name,
            job=str(site.job.__struct_config__.tag),
            sustainable=sustainable,
            trial_seconds=plan.confirm_seconds,
            warm_seconds=plan.warm_seconds,
            customers=site.job.customers,
            ask_every=site.job.ask_every,
            points=list(_points(one, plan, rates)),
        )


def _points(one: Range, plan: Plan, rates: Sequence[float]) -> Iterator[Point]:
    for rate in rates:
        say(f"{one.site.name}: {rate:,.0f} events/s for {plan.seconds_at(rate):,.0f} s")
        yield one.point(rate, plan.warm_seconds, plan.seconds_at(rate))


def _sustainable(one: Range, plan: Plan) -> float:
    """Found in short trials, then confirmed in a long one."""

    def is_sustained(rate: float, seconds: float = plan.trial_seconds) -> bool:
        sustained = one.is_sustained(rate, seconds)
        say(f"{one.site.name}: {rate:,.0f} events/s for {seconds:.0f} s: {'sustained' if sustained else 'too much'}")
        return sustained

    found = points.sustainable(is_sustained, SEARCH_BEGIN)
    while found > points.RATE_MIN and not is_sustained(found, plan.confirm_seconds):
        found *= CONFIRM_STEP
    return found


def say(text: str) -> None:
    """A line for whoever waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
