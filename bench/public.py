"""Benchmarks on public data: learned cycles on real purchases, merchant category codes held against the standard."""

import csv
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from agents.demo.generator import generate
from agents.report.intervals import Share
from bench.archives import Archive
from bench.cycles import CDNOW, Cycles, Row
from bench.cycles import measure as measure_cycles
from streams import topics
from streams.events import CardTransaction

CODES = Archive("iso18245", "1.4.1", "07fcac02b22044e5f188a7683684f2166900a36d39119eb6ca0f4ef5f0df5772", "MIT")
CODES_MEMBER = "iso18245/data/iso18245_official_list.csv"
EVENTS = 20_000
TOPIC = next(source.name for source in topics.SOURCES if source.carries is CardTransaction)


class Report(Struct, frozen=True):
    """All that public data say. `codes`: names of the generator's merchant category codes, empty for an unknown one."""

    commit: str
    cycles: Cycles
    codes: dict[str, str]


def measure(commit: str) -> Report:
    """Fetch the data if need be, and measure.

    Raises:
        ArchiveError: they can't be fetched.
    """
    return Report(commit, measure_cycles(), named(CODES.text(CODES_MEMBER), generated_codes()))


def named(listed: str, codes: set[str]) -> dict[str, str]:
    """The standard's names of some codes, in order; empty where it has none."""
    names = {row["MCC"]: row["DESCRIPTION"] for row in csv.DictReader(listed.splitlines())}
    return {code: names.get(code, "") for code in sorted(codes)}


def generated_codes() -> set[str]:
    """The merchant category codes that generated card transactions carry."""
    records = generate(EVENTS, 1).records
    cards = (msgspec.json.decode(record.value, type=CardTransaction) for record in records if record.topic == TOPIC)
    return {card.merchant_category_code for card in cards} - {""}


def as_markdown(report: Report) -> str:
    """As a page."""
    return "\n".join(["# Public data\n", *_about(report), *_cycles(report.cycles), *_codes(report.codes)]) + "\n"


def _about(report: Report) -> Iterator[str]:
    yield f"`python -m bench public --save`, commit {report.commit}. The data are fetched, read and not shipped:\n"
    yield f"- purchases at CDNOW, in the package `{CDNOW.name}` {CDNOW.version}, licence {CDNOW.licence}"
    yield f"- merchant category codes, in the package `{CODES.name}` {CODES.version}, licence {CODES.licence}\n"


def _cycles(cycles: Cycles) -> Iterator[str]:
    yield "## When does the next purchase come?\n"
    yield f"{cycles.customers:,} customers, {cycles.purchases:,} purchases (those within three days are one).\n"
    yield "- *own*: the cycle of `replacement_due`, learned by its own code from the purchases so far."
    yield f"- *one for all*: the median of everybody's gaps, {cycles.gap_days} days."
    yield "- *best*: the one cycle that has most right, chosen in hindsight: no rule can know it beforehand.\n"
    yield "Right is what is off by no more than the window; who never bought again counts as wrong. Shares with the"
    yield "interval of 95 % (Wilson); purchases of one customer aren't independent, so the true ones are wider.\n"
    yield "| own cycle | window | customers | guesses | bought again | own | one for all | best (days) |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in cycles.rows:
        yield _line(row)
    yield ""


def _line(row: Row) -> str:
    counts = f"{row.customers:,} | {row.guesses:,} | {row.bought_again:,}"
    shares = f"{_share(row.own)} | {_share(row.one_for_all)} | {_share(row.best)} ({row.best_days})"
    return f"| {row.rule} | ±{row.window_days} days | {counts} | {shares} |"


def _share(share: Share) -> str:
    if share.share is None or share.low is None or share.high is None:
        return "-"
    return f"{share.share:.1%} ({share.low:.1%}-{share.high:.1%})"


def _codes(codes: dict[str, str]) -> Iterator[str]:
    unknown = [code for code, name in codes.items() if not name]
    yield "## Merchant category codes\n"
    yield f"Generated card transactions carry {len(codes)} codes; not in ISO 18245: {', '.join(unknown) or 'none'}."
    yield "No trigger asks for a code, so there is nothing else to compare.\n"
    yield "| code | name |"
    yield "| --- | --- |"
    for code, name in codes.items():
        yield f"| {code} | {name or 'unknown'} |"
