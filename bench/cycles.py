"""How well a customer's own cycle says when the next purchase comes, against one cycle for everybody.

The purchases are real ones: those of everybody who bought a first CD at CDNOW in the first quarter of 1997, until June
1998. The own cycle is that of `replacement_due`, learned by its own code from the purchases so far. At each purchase at
which there is one, both say when the next will come; right is what is off by no more than a window. Purchases whose
windows end after the data do are left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_low

from msgspec import Struct

from agents.report.intervals import Share, share_of
from bench.archives import Archive
from streams.events import Purchase
from streams.facts import Facts
from streams.topics import DAY_MS
from streams.trigger import milliseconds
from streams.triggers.retention.replacement_due import Category, Config, State, cycles, remember

CDNOW = Archive("lifetimes", "0.11.3", "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8", "MIT")
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
CATEGORY = "cd"  # the shipped config doesn't name it
WINDOWS_DAYS = (7, 14, 30)
SHIPPED = Config()
NAMED = {CATEGORY: Category(months=2, lead=timedelta(0))}  # its usual cycle isn't used: only own ones are looked at
RULES = {
    "of a category that isn't named, as shipped": SHIPPED,
    "of a named category, as shipped": Config(categories=NAMED),
    "whatever the spread": Config(categories=NAMED, spread_percent_max=100),
}
Histories = Mapping[str, Sequence[int]]


class Guess(Struct, frozen=True):
    """What the own cycle said at a purchase, and when the next one came, if it did."""

    customer: str
    at_ms: int
    own_ms: int
    next_ms: int | None


class Row(Struct, frozen=True):
    """One rule and window.

    Attributes:
        customers: who had an own cycle at some purchase; `guesses`: such purchases, their windows inside the data.
        bought_again: how many of these were followed by another at all.
        own: how many the own cycle had right, `one_for_all` the median of everybody's gaps.
        best_days: the one cycle for everybody that has most of these right, as only hindsight knows; `best`: how many.
    """

    rule: str
    window_days: int
    customers: int
    guesses: int
    bought_again: int
    own: Share
    one_for_all: Share
    best_days: int
    best: Share


class Cycles(Struct, frozen=True):
    """Everything measured; `gap_days` is the median of everybody's gaps, the one cycle for all."""

    customers: int
    purchases: int
    gap_days: int
    rows: list[Row]


def histories(text: str, together_ms: int) -> dict[str, list[int]]:
    """The purchases of each customer, oldest first; those close together are one, at the time of the first."""
    found: dict[str, set[int]] = {}
    for line in text.splitlines()[1:]:
        customer, day, *_ = line.split()
        at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        found.setdefault(customer, set()).add(int(at.timestamp()) * 1000)
    return {customer: _apart(sorted(times), together_ms) for customer, times in found.items()}


def _apart(times: Iterable[int], together_ms: int) -> list[int]:
    kept: list[int] = []
    for at_ms in times:
        if not kept or at_ms - kept[-1] > together_ms:
            kept.append(at_ms)
    return kept


def measure() -> Cycles:
    """Measure all rules and windows on the real purchases."""
    bought = histories(CDNOW.text(MEMBER), milliseconds(SHIPPED.together))
    gap_ms = median_low([later - earlier for times in bought.values() for earlier, later in pairwise(times)])
    end_ms = max(max(times) for times in bought.values())
    rows = []
    for name, rule in RULES.items():
        guesses = [guess for customer, times in bought.items() for guess in guesses_of(customer, times, rule)]
        rows += [row_of(name, guesses, days, gap_ms, end_ms) for days in WINDOWS_DAYS]
    return Cycles(len(bought), sum(map(len, bought.values())), gap_ms // DAY_MS, rows)


def guesses_of(customer: str, times: Sequence[int], rule: Config) -> Iterator[Guess]:
    """What the trigger's own code makes of a history, purchase by purchase."""
    state = State()
    for number, at_ms in enumerate(times):
        remember(_purchase(customer, at_ms), state, rule)
        for cycle, bought in cycles(state, rule, Facts()):
            if cycle.gap_ms and cycle.spread_percent <= cycle.spread_percent_max:
                following = times[number + 1] if number + 1 < len(times) else None
                yield Guess(customer, at_ms, cycle.end_ms(bought[-1]), following)


def row_of(rule: str, guesses: Iterable[Guess], window_days: int, gap_ms: int, end_ms: int) -> Row:
    """How often each was right, of the guesses whose windows lie inside the data."""
    window_ms = window_days * DAY_MS
    inside = [one for one in guesses if max(one.own_ms, one.at_ms + gap_ms) + window_ms <= end_ms]
    gaps = [one.next_ms - one.at_ms for one in inside if one.next_ms is not None]
    own = sum(one.next_ms is not None and abs(one.next_ms - one.own_ms) <= window_ms for one in inside)

    def right(days: int) -> int:
        return sum(abs(gap - days * DAY_MS) <= window_ms for gap in gaps)

    best_days = max(sorted({gap // DAY_MS for gap in gaps}), key=right, default=0)
    return Row(
        rule=rule,
        window_days=window_days,
        customers=len({one.customer for one in inside}),
        guesses=len(inside),
        bought_again=len(gaps),
        own=share_of(own, len(inside)),
        one_for_all=share_of(right(gap_ms // DAY_MS), len(inside)),
        best_days=best_days,
        best=share_of(right(best_days), len(inside)),
    )


def _purchase(customer: str, at_ms: int) -> Purchase:
    identity = f"{customer}-{at_ms}"
    return Purchase(
        id=identity,
        customer=customer,
        at_ms=at_ms,
        product=CATEGORY,
        category=CATEGORY,
        amount_minor=1,
        currency="USD",
    )
