"""The result of a backtest as a page: one file, no script, nothing fetched; light or dark as the reader likes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from agents.backtest import charts
from agents.backtest.charts import KINDS
from agents.backtest.comparison import Example
from agents.backtest.result import OfDay, OfTrigger, Result, moment
from agents.report.intervals import Share

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = Path(__file__).with_name("page.css")
NONE = "-"
NOTHING = "<p>None.</p>"
WHAT = {
    "unchanged": "sent by both, the same",
    "changed": "sent by both, otherwise",
    "gained": "sent by the new rules only",
    "lost": "sent by the old rules only",
}


def as_html(result: Result) -> str:
    """The whole page."""
    title = f"Backtest: {result.new} against {result.old}"
    parts = [*_head(result), *_triggers(result), *_over_time(result), *_contacts(result), *_precision(result)]
    parts += [*_uplift(result), *(line for one in _differing(result) for line in _details(one, result)), _foot(result)]
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
            *parts,
            "</main></body></html>\n",
        )
    )


def _head(result: Result) -> Iterator[str]:
    history, live = result.history, result.live
    entries = ", ".join(f"{count:,} {kind}" for kind, count in history.entries.items())
    yield f"<h1>Backtest <small>{escape(result.new)} against {escape(result.old)}</small></h1>"
    yield f"<p>{history.begin[:10]} to {history.end[:10]}: {history.customers:,} customers, entries: {entries}.</p>"
    if result.since:
        yield f"<p>Compared from {result.since} on; before, both sides decided as it was live.</p>"
    tiles = "".join(
        f'<li class="{kind}"><b>{getattr(result.total, kind):,}</b> {kind}<span>{WHAT[kind]}</span></li>'
        for kind in KINDS
    )
    yield f'<ul class="tiles">{tiles}</ul>'
    kind = "bad" if live.is_equal is False else "good" if live.is_equal else ""
    yield f'<p class="{kind}">Live decisions equal the backtest of the live config: {escape(live.statement)}.</p>'
    if live.differences:
        yield f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in live.differences)}</ul>"


def _triggers(result: Result) -> Iterator[str]:
    yield "<h2>What is sent, by trigger</h2>"
    most = max((one.unchanged + one.changed + one.gained + one.lost for one in result.triggers), default=0)
    rows = []
    for one in result.triggers:
        counts = {kind: getattr(one, kind) for kind in KINDS}
        name = _link(one.trigger) if one.differs else escape(one.trigger)
        figures = (one.old.sent, one.new.sent, *counts.values())
        rows.append((name, charts.bar(counts, most), *(f"{count:,}" for count in figures)))
    yield _table(("trigger", "", "old", "new", *KINDS), rows)


def _over_time(result: Result) -> Iterator[str]:
    days = [day for one in result.triggers for day in one.days]
    if _differing(result):
        yield "<h2>Over time, all triggers</h2>"
        yield from _plot(days, result)


def _plot(days: Sequence[OfDay], result: Result) -> Iterator[str]:
    """What differs, over the whole time, with its legend."""
    columns, step = charts.columns(days, result.history.begin, result.history.end)
    together = "a day" if step == 1 else f"{step} days, from the named one on"
    legend = "".join(f'<span class="{kind}">{kind}</span>' for kind in ("gained", "changed", "lost"))
    yield _figure(charts.over_time(columns), f"{legend} Each column is {together} (UTC).")


def _contacts(result: Result) -> Iterator[str]:
    old, new = result.contacts["old"], result.contacts["new"]
    yield "<h2>Contacts per customer</h2>"
    legend = '<span class="old">old</span><span class="new">new</span> Customers by their number of contacts in all.'
    plot = charts.contacts(old.customers_by_count, new.customers_by_count)
    yield _figure(plot, legend)
    columns = ("trigger", "side", "contacts", "customers", "mean", "most")
    yield _table(
        columns,
        [
            (escape(name), side, f"{one.contacts:,}", f"{one.customers:,}", f"{one.mean:.3f}", str(one.most))
            for name, side, one in result.told_contacts
        ],
        words=2,
    )


def _precision(result: Result) -> Iterator[str]:
    yield "<h2>Fraud checks: cardholders who were asked and said that it was fraud</h2>"
    rows = [
        (escape(one.trigger), side, charts.interval(of.precision, side), _told(of.precision), f"{of.unanswered:,}")
        for one in result.triggers
        for side, of in one.sides
        if of.precision.total or of.unanswered
    ]
    columns = ("trigger", "side", "0 to 100 %", "precision, 95 % interval", "no answer known")
    yield _table(columns, rows, words=4) if rows else NOTHING


def _uplift(result: Result) -> Iterator[str]:
    yield "<h2>Uplift: conversions with an offer, against the hold-out group</h2>"
    yield "<p>Of triggers that differ, or of which enough is known, and only of what was decided live too: of other"
    yield "offers nobody knows what would have come.</p>"
    rows = [
        (escape(one.trigger), side, _told(of.uplift.treated), _told(of.uplift.held_out), escape(of.uplift.statement))
        for one in result.triggers
        for side, of in one.sides
        if of.uplift and one.says_of_uplift
    ]
    yield _table(("trigger", "side", "treated", "held out", "effect"), rows, words=5) if rows else NOTHING


def _details(one: OfTrigger, result: Result) -> Iterator[str]:
    name = escape(one.trigger)
    yield f'<section id="{name}"><h2>{name}</h2>'
    yield from _plot(one.days, result)
    reasons = (("lost to", one.lost_to), ("gained from", one.gained_from), ("changed in", one.changed_in))
    yield "".join(f"<p><b>{what}:</b> {_counted(counts)}</p>" for what, counts in reasons if counts)
    several = (("gained", one.examples_gained), ("lost", one.examples_lost), ("changed", one.examples_changed))
    yield _table(
        ("", "decided (UTC)", "customer", "action", "the other side", "because"),
        [row for what, examples in several for row in _examples(what, examples)],
        words=6,
    )
    yield "</section>"


def _examples(what: str, examples: Iterable[Example]) -> Iterator[tuple[str, ...]]:
    for one in examples:
        words = (moment(one.at_ms)[:16].replace("T", " "), one.customer, one.action, one.otherwise, one.because)
        yield (f'<span class="{what}">{what}</span>', *map(escape, words))


def _foot(result: Result) -> str:
    cost, history = result.cost, result.history
    return (
        f"<footer><p>{cost.entries:,} entries of {history.partitions} partitions, from {escape(history.source)}, in "
        f"{cost.seconds:,.1f} s by {cost.processes} processes: {cost.cpu_us_per_entry:.1f} µs of CPU each, "
        f"{cost.peak_megabytes:,.0f} MB at most. "
        f"Config versions in it: {escape(', '.join(history.versions)) or NONE}.</p></footer>"
    )


def _differing(result: Result) -> list[OfTrigger]:
    return [one for one in result.triggers if one.differs]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{escape(name)} {count:,}" for name, count in counts.items())


def _told(share: Share) -> str:
    if share.share is None or share.low is None or share.high is None:
        return NONE
    percents = f"{100 * share.share:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})"
    return f"{share.count:,} of {share.total:,}, {percents}"


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>'


def _figure(plot: str, caption: str) -> str:
    return f"<figure>{plot}<figcaption>{caption}</figcaption></figure>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], words: int = 2) -> str:
    """Cells are HTML; the first `words` columns are text, the others numbers."""

    def cells(tag: str, several: Sequence[str]) -> str:
        return "".join(f"<{tag}{_kind(place, words, len(several))}>{one}</{tag}>" for place, one in enumerate(several))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells("th", columns)}</tr></thead><tbody>{body}</tbody></table></div>'


def _kind(place: int, words: int, count: int) -> str:
    """Only the last of several texts is folded."""
    if place >= words:
        return ' class="number"'
    return "" if place == count - 1 else ' class="word"'
