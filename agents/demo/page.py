"""The report as a person reads it, 80 columns wide."""

from collections.abc import Iterable, Sequence
from textwrap import fill

from rich.console import Console
from rich.table import Table

from agents.demo.report import Example, Report
from agents.demo.truth import ALL_ACTIONS, Row
from agents.why import words
from streams import topics
from streams.triggers.wording import counted

WIDTH = 80


def show(report: Report) -> None:
    """Print it to stdout."""
    console = Console(highlight=False, markup=False, width=WIDTH)
    _title(console, "Throughput")
    console.print(
        f"{report.events:,} events of {report.customers:,} customers in {report.seconds:.1f} s: "
        f"{report.events_per_second:,} events/s, from the first sent to the last decided."
    )
    entries = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.entries.items()))
    console.print(f"Journal: {entries} entries; {report.repeated_events:,} events came twice and counted once.")
    _title(console, "Decisions")
    rows = [(one.trigger, one.outcome, one.reason or "-", f"{one.count:,}") for one in report.decisions]
    _table(console, ("trigger", "outcome", "reason", "count"), rows, numbers=1)
    _title(console, "Against what was planted")
    _table(console, ("trigger", "planted", "found", "false alarms", "precision", "recall"), _scores(report), numbers=5)
    for one in report.false_alarms:
        what = f"near miss {one.situation}" if one.situation else "nothing planted"
        console.print(f"{one.trigger}: {counted(one.count, 'false alarm')} ({what})")
    _title(console, "Dead letters")
    _table(console, ("reason", "planted", "found"), _letters(report), numbers=2)
    for example in report.examples:
        _explain(console, example)
    _title(console, "In short")
    _table(console, ("", ""), _checks(report), header=False)
    console.print(
        "All is as it should be." if not report.problems else "Something is not as it should be.", style="bold"
    )


def _title(console: Console, text: str) -> None:
    console.print()
    console.print(text, style="bold")


def _table(
    console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0, header: bool = True
) -> None:
    """The last `numbers` columns stand to the right."""
    table = Table(box=None, pad_edge=False, show_header=header, header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place >= len(columns) - numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _scores(report: Report) -> list[tuple[str, ...]]:
    return [
        (
            one.trigger,
            f"{one.planted:,}",
            f"{one.found:,}",
            f"{one.false_alarms:,}",
            _share(one.precision),
            _share(one.recall),
        )
        for one in report.scores
        if one.action == ALL_ACTIONS
    ]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _letters(report: Report) -> list[tuple[str, ...]]:
    expected, got = report.dead_letters_expected, report.dead_letters
    return [(reason, str(expected.get(reason, 0)), str(got.get(reason, 0))) for reason in sorted({*expected, *got})]


def _explain(console: Console, example: Example) -> None:
    one = example.decision
    _title(console, f"{example.title}, in words")
    console.print(words.headline(one))
    console.print(fill(f"Because {one.because}.", WIDTH))
    for decision in [*example.before, one]:
        console.print(fill(words.outcome(decision), WIDTH))
    _table(console, words.MEASURED, words.measures(one), numbers=2)
    where = f"{topics.JOURNAL.name}, partition {example.partition}, offsets {words.entries(one)}"
    about = ("about", words.subject(one))
    rows = [about, ("entries", where), ("rules", f"version {one.config_version}"), ("id", one.id)]
    _table(console, ("", ""), rows, header=False)


def _checks(report: Report) -> list[tuple[str, str]]:
    planted = sum(one.planted for one in _totals(report))
    found = sum(one.found for one in _totals(report))
    return [
        ("Planted cases found", f"{found:,} of {planted:,}"),
        ("Ids published twice", f"{len(report.repeated_ids):,} of {report.published:,}"),
        ("Live run equals replay", _yes(report.is_replay_equal, f"{report.published:,} decisions, byte for byte")),
        ("State equals replay's", _yes(report.is_state_equal, f"{report.customers:,} customers, byte for byte")),
        ("Worker restarts", str(report.worker_restarts)),
    ]


def _totals(report: Report) -> list[Row]:
    return [one for one in report.scores if one.action == ALL_ACTIONS]


def _yes(is_so: bool, what: str) -> str:  # noqa: FBT001 - private, and named by its callers' fields
    return f"yes ({what})" if is_so else "NO"
