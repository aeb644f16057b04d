"""The plots of a backtest's page: SVG that stands in the page, coloured by its style, without a script."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from math import ceil, log10

from msgspec import Struct

from agents.backtest.comparison import Day
from agents.backtest.result import OfDay
from agents.report.intervals import Share

KINDS = ("unchanged", "changed", "gained", "lost")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 200, 44, 8, 24
COLUMNS_MAX = 140
ROOM = HEIGHT - TOP - BOTTOM
STEPS_DAYS = (1, 7, 28, 91, 364)
LABELS_MAX = 8
BAR_WIDTH, BAR_HEIGHT = 220, 14
COUNTS_MIN, COUNTS_MAX = 6, 12  # contacts that have a column of their own


class Column(Struct, frozen=True):
    """Some days together; the first one names it."""

    day: str
    counts: Day


def columns(days: Sequence[OfDay], begin: str, end: str) -> tuple[list[Column], int]:
    """All days from `begin` to `end`, so many together that they fit; and how many that is."""
    named = [(date.fromisoformat(one.day), one) for one in days]
    bounds = [*(date.fromisoformat(one[:10]) for one in (begin, end)), *(day for day, _ in named)]
    first, last = min(bounds), max(bounds)
    span = (last - first).days + 1
    step = next((step for step in STEPS_DAYS if ceil(span / step) <= COLUMNS_MAX), ceil(span / COLUMNS_MAX))
    found = [Column((first + timedelta(days=at)).isoformat(), Day()) for at in range(0, span, step)]
    for day, one in named:
        found[(day - first).days // step].counts.add(Day(one.unchanged, one.changed, one.gained, one.lost))
    return found, step


def over_time(several: Sequence[Column]) -> str:
    """What is gained stands above the line, and what changed upon it; what is lost below."""
    up = _nice(max(one.counts.gained + one.counts.changed for one in several))
    most_lost = max(one.counts.lost for one in several)
    down = _nice(most_lost) if most_lost else 0
    scale, zero = ROOM / (up + down), TOP + ROOM * up / (up + down)
    wide, each = (WIDTH - LEFT) / len(several), ceil(len(several) / LABELS_MAX)
    parts = [_line(LEFT, TOP, f"{up:,}"), _line(LEFT, zero, "0")]
    parts += [_line(LEFT, TOP + ROOM, f"{down:,}")] if down else []
    for place, one in enumerate(several):
        x = LEFT + place * wide
        parts.append(_column(one, x, wide, zero, scale))
        if place % each == 0:
            parts.append(_text(x, HEIGHT - 6, one.day, "start"))
    return _svg(WIDTH, HEIGHT, "Gained above the line, lost below it, over time", parts)


def _column(one: Column, x: float, width: float, zero: float, scale: float) -> str:
    counts = one.counts
    bars = (
        ("gained", counts.gained, zero - counts.gained * scale),
        ("changed", counts.changed, zero - (counts.gained + counts.changed) * scale),
        ("lost", counts.lost, zero),
    )
    title = f"{one.day}: {counts.gained} gained, {counts.changed} changed, {counts.lost} lost"
    shown = "".join(_rect(kind, x + width * 0.1, y, width * 0.8, count * scale) for kind, count, y in bars if count)
    return f"<g><title>{title}</title>{_rect('hidden', x, TOP, width, ROOM)}{shown}</g>"


def bar(counts: Mapping[str, int], most: int) -> str:
    """One trigger's counts beside each other, as wide as its share of the most."""
    x, parts = 0.0, []
    for kind in KINDS:
        wide = BAR_WIDTH * counts[kind] / max(1, most)
        if wide:
            parts.append(f"<g><title>{counts[kind]} {kind}</title>{_rect(kind, x, 0, max(wide, 1.5), BAR_HEIGHT)}</g>")
            x += max(wide, 1.5)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
    return _svg(BAR_WIDTH + 6, BAR_HEIGHT, told, parts, "bar")


def contacts(old: Mapping[int, int], new: Mapping[int, int]) -> str:
    """How many customers have so many contacts, old beside new; the last column is `or more`."""
    most = min(COUNTS_MAX, max([COUNTS_MIN, *old, *new]))
    sides = {"old": _capped(old, most), "new": _capped(new, most)}
    top = _nice(max([1, *sides["old"], *sides["new"]]))
    wide = (WIDTH - LEFT) / most
    parts = [_line(LEFT, TOP, f"{top:,}"), _line(LEFT, TOP + ROOM, "0")]
    is_cut = max([1, *old, *new]) > most
    for place in range(most):
        x = LEFT + place * wide
        label = f"{place + 1}{' or more' if is_cut and place == most - 1 else ''}"
        for nth, (side, counts) in enumerate(sides.items()):
            tall = ROOM * counts[place] / top
            title = f"<title>{side}: {counts[place]:,} customers with {label}</title>"
            inner = _rect(side, x + wide * (0.15 + 0.35 * nth), TOP + ROOM - tall, wide * 0.33, tall)
            parts.append(f"<g>{title}{inner}</g>")
        parts.append(_text(x + wide / 2, HEIGHT - 6, label, "middle"))
    return _svg(WIDTH, HEIGHT, "Customers by their number of contacts, old beside new", parts)


def interval(share: Share, side: str) -> str:
    """A share from 0 to 100 % with its 95 % interval."""
    if share.share is None or share.low is None or share.high is None:
        return ""
    low, high, at = (4 + BAR_WIDTH * one for one in (share.low, share.high, share.share))
    middle = BAR_HEIGHT / 2
    parts = [
        f'<line class="axis" x1="4" x2="{4 + BAR_WIDTH}" y1="{middle}" y2="{middle}"/>',
        f'<line class="range {side}" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
        f'<circle class="{side}" cx="{at:.1f}" cy="{middle}" r="4"/>',
    ]
    told = f"{100 * share.share:.1f} %, {100 * share.low:.1f} to {100 * share.high:.1f}"
    return _svg(BAR_WIDTH + 8, BAR_HEIGHT, told, parts, "bar")


def _capped(counts: Mapping[int, int], most: int) -> list[int]:
    found = [0] * most
    for count, customers in counts.items():
        found[min(count, most) - 1] += customers
    return found


def _nice(value: float) -> int:
    """The next of 1, 2, 3, 4, 5, 6, 8, 10, 20, …: where an axis ends well."""
    if value <= 1:
        return 1
    power = 10 ** int(log10(value))
    return int(next(power * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if power * step >= value))


def _svg(width: float, height: float, label: str, parts: Sequence[str], kind: str = "plot") -> str:
    box = f'class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}"'
    size = f' width="{width}" height="{height}"' if kind == "bar" else ""
    return f"<svg {box}{size}>{''.join(parts)}</svg>"


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _line(x: float, y: float, label: str) -> str:
    return f'<line class="axis" x1="{x}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>{_text(x - 6, y + 4, label, "end")}'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
