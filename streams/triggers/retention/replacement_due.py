"""Replacement due: what the customer buys again and again is about to be used up or outlived.

Why: whoever has to think of it alone thinks of other shops too; a word just before the time is a service.
Action: by the category in the config: new_model_offer for what is outlived, refill_reminder for what is used up or
    serviced, and for what the config doesn't name; once a cycle, the category's `lead` before the end of it.
Quiet when: it was bought already, before the word was due (`bought_already`), or the customer's gaps are too unlike for
    a cycle, as of one who keeps things for ever (`irregular`). Nothing is said of a category without a cycle: too few
    gaps and no default, nor of `not_replaced` ones and bookings.
Source: the replacement cycle of the mission: the median of the customer's own gaps if there are `gaps_min`, their
    median absolute deviation says whether it is one; else the category's default in calendar months. Of a category that
    the config doesn't name, all gaps but one must be alike: with the median alone two of five may be anything, which
    happens by chance, and on real purchases the stricter rule is right more often (docs/benchmark.md, public data).

    bought        bought       bought                 end of the cycle
    --o--------------o------------o--------------:---------|-->   fires at the colon, the cycle is the median gap
      |<--- gap ---->|<-- gap --->|              |<-lead ->|
"""

from bisect import insort
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from streams.actions import Measure
from streams.calendar import add_months, local
from streams.events import Caused, Purchase
from streams.facts import Facts
from streams.journal import Tick
from streams.trigger import Candidate, milliseconds, trigger
from streams.triggers.gaps import gaps, median, spread, spread_but_one
from streams.triggers.wording import DAY_MS, counted, length

QUIET = ("bought_already", "irregular")


class Category(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is usual of a category: calendar months of a cycle, what to do, and how long before its end."""

    months: Annotated[int, Meta(ge=1, le=600)]
    lead: timedelta
    action: Literal["new_model_offer", "refill_reminder"] = "refill_reminder"


CATEGORIES = {
    "air_filter": Category(months=3, lead=timedelta(days=10)),
    "car_service": Category(months=6, lead=timedelta(days=21)),
    "phone": Category(months=24, lead=timedelta(days=45), action="new_model_offer"),
    "car": Category(months=36, lead=timedelta(days=90), action="new_model_offer"),
    "deck_stain": Category(months=36, lead=timedelta(days=30)),
}
NOT_REPLACED = ("course", "subscription", "membership", "software", "service_plan")


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    categories: Annotated[
        dict[str, Category], Meta(description="by category: months of the usual cycle, lead before its end, action")
    ] = field(default_factory=lambda: dict(CATEGORIES))
    not_replaced: Annotated[
        tuple[str, ...], Meta(description="categories that end or go on, but aren't used up or outlived")
    ] = NOT_REPLACED
    lead: Annotated[timedelta, Meta(description="lead of a category that `categories` doesn't name")] = timedelta(
        days=7
    )
    gaps_min: Annotated[int, Meta(ge=2, le=16, description="gaps from which on the customer's own cycle counts")] = 2
    unnamed_gaps_min: Annotated[
        int, Meta(ge=2, le=16, description="of a category that isn't named: few gaps are alike by chance")
    ] = 5
    spread_percent_max: Annotated[
        int, Meta(ge=0, le=100, description="largest spread of the gaps that is still a cycle, percent of the median")
    ] = 25
    unnamed_spread_percent_max: Annotated[
        int,
        Meta(ge=0, le=100, description="of a category that isn't named: how far all gaps but one may be off, percent"),
    ] = 12
    cycle_min: Annotated[timedelta, Meta(description="a shorter own cycle is shopping, not replacement")] = timedelta(
        days=21
    )
    together: Annotated[timedelta, Meta(description="purchases of one category within this time are one")] = timedelta(
        days=3
    )
    act_within: Annotated[timedelta, Meta(description="how long after the end of the cycle a word makes sense")] = (
        timedelta(days=14)
    )
    risk: Annotated[float, Meta(ge=0, le=1, description="how likely it is bought elsewhere without a word")] = 0.3
    categories_kept_max: Annotated[
        int, Meta(ge=1, le=32, description="categories remembered: named ones first, then the latest bought")
    ] = 8
    purchases_kept_max: Annotated[
        int, Meta(ge=3, le=32, description="purchases remembered of a category, latest kept")
    ] = 6


class Bought(Caused, Struct, array_like=True):
    """A purchase. `is_decided`: what was to be said about its replacement was said, or kept quiet."""

    at_ms: int
    event: str
    position: int
    is_decided: bool = False


class State(Struct, array_like=True):
    due_ms: int | None = None
    bought: dict[str, list[Bought]] = field(default_factory=dict)


class Cycle(Struct, frozen=True, kw_only=True):
    """How long a thing of a category lasts: `gap_ms` by the customer's own gaps, else `months`."""

    category: str
    zone: str
    action: str
    lead_ms: int
    gaps: int
    gaps_min: int
    spread_percent_max: int
    gap_ms: int = 0
    spread_percent: int = 0
    months: int = 0

    def end_ms(self, one: Bought) -> int:
        """When it has to be replaced."""
        return add_months(one.at_ms, self.months, self.zone) if self.months else one.at_ms + self.gap_ms

    def due_ms(self, one: Bought) -> int:
        """When to speak of it: the lead before, but never in the first half of a cycle."""
        end_ms = self.end_ms(one)
        return max(end_ms - self.lead_ms, one.at_ms + (end_ms - one.at_ms) // 2)

    def day(self, at_ms: int) -> str:
        """The customer's date at an instant, in ISO 8601."""
        return local(at_ms, self.zone).date().isoformat()


@trigger(on=(Purchase, Tick), config=Config, state=State, quiet=QUIET, state_bytes_max=3072)
def replacement_due(entry: Purchase | Tick, state: State, config: Config, customer: Facts) -> Iterator[Candidate]:
    if isinstance(entry, Tick):
        for cycle, bought in cycles(state, config, customer):
            yield from _decide(entry.at_ms, bought, cycle, config)
    elif entry.booked_from_ms is not None or entry.category in config.not_replaced:
        return
    else:
        remember(entry, state, config)
    known = cycles(state, config, customer)
    dues_ms = (cycle.due_ms(one) for cycle, bought in known for one in bought if not one.is_decided)
    state.due_ms = min(dues_ms, default=None)


def remember(entry: Purchase, state: State, config: Config) -> None:
    """Keep a purchase, oldest first; of several together the earliest stands for all."""
    bought = state.bought.setdefault(entry.category, [])
    one = Bought(entry.at_ms, entry.id, entry.position)
    same = min(bought, key=lambda other: abs(other.at_ms - one.at_ms), default=None)
    if same is not None and abs(same.at_ms - one.at_ms) <= milliseconds(config.together):
        if (one.at_ms, one.event) >= (same.at_ms, same.event):
            return
        bought.remove(same)
        one.is_decided = same.is_decided
    insort(bought, one, key=lambda other: other.at_ms)
    del bought[: -config.purchases_kept_max]
    while len(state.bought) > config.categories_kept_max:
        del state.bought[min(state.bought, key=lambda name: (name in config.categories, state.bought[name][-1].at_ms))]


def cycles(state: State, config: Config, customer: Facts) -> Iterator[tuple[Cycle, list[Bought]]]:
    """The categories that have a cycle, the customer's own, else the usual one, each with its purchases."""
    for category, bought in state.bought.items():
        usual, own = config.categories.get(category), gaps([one.at_ms for one in bought])
        cycle = Cycle(
            category=category,
            zone=customer.dossier.time_zone,
            action=usual.action if usual else "refill_reminder",
            lead_ms=milliseconds(usual.lead if usual else config.lead),
            gaps=len(own),
            gaps_min=config.gaps_min if usual else config.unnamed_gaps_min,
            spread_percent_max=config.spread_percent_max if usual else config.unnamed_spread_percent_max,
        )
        if cycle.gaps >= cycle.gaps_min:
            gap_ms = median(own)
            if gap_ms >= milliseconds(config.cycle_min):
                off_ms = spread(own) if usual else spread_but_one(own)
                yield replace(cycle, gap_ms=gap_ms, spread_percent=100 * off_ms // gap_ms), bought
        elif usual:
            yield replace(cycle, months=usual.months), bought


def _decide(now_ms: int, bought: list[Bought], cycle: Cycle, config: Config) -> Iterator[Candidate]:
    for number, one in enumerate(bought, 1):
        following = bought[number] if number < len(bought) else None
        due_ms = cycle.due_ms(one)
        if one.is_decided or due_ms > now_ms:
            continue
        one.is_decided = True
        is_late = now_ms >= cycle.end_ms(one) + milliseconds(config.act_within)  # a history read in late is no news
        if not is_late and (following is None or following.at_ms <= due_ms):
            yield _candidate(bought[:number], following, cycle, config)


def _candidate(until: list[Bought], following: Bought | None, cycle: Cycle, config: Config) -> Candidate:
    """About the last of these purchases; `following` is the one that came before the word.

    `following` comes first among the causes: those of the next word are the same ones, and causes make an id.
    """
    last, end_ms = until[-1], cycle.end_ms(until[-1])
    quiet = _reason_for_silence(following, cycle)
    behind = [last] if cycle.months else until
    measured = {
        "cycle_days": Measure((end_ms - last.at_ms + DAY_MS // 2) // DAY_MS),
        "end_date": Measure(cycle.day(end_ms)),
        "gaps": Measure(cycle.gaps, cycle.gaps_min),
    }
    if not cycle.months:
        measured["spread_percent"] = Measure(cycle.spread_percent, cycle.spread_percent_max)
    return Candidate(
        action=cycle.action,
        at_ms=cycle.due_ms(last),
        causes=tuple(one.cause for one in ([following, *behind] if following else behind)),
        because=_in_words(last, following, cycle),
        subject={"category": cycle.category},
        measured=measured,
        risk=config.risk if quiet is None else None,
        expires_at_ms=end_ms + milliseconds(config.act_within),
        quiet=quiet,
    )


def _reason_for_silence(following: Bought | None, cycle: Cycle) -> str | None:
    if following:
        return "bought_already"
    return "irregular" if cycle.spread_percent > cycle.spread_percent_max else None


def _in_words(last: Bought, following: Bought | None, cycle: Cycle) -> str:
    own = f"a median of {length(cycle.gap_ms)} between purchases, give or take {cycle.spread_percent} %"
    why = f"{counted(cycle.months, 'month')} is usual" if cycle.months else own
    again = f"; bought again on {cycle.day(following.at_ms)}" if following else ""
    return (
        f"{cycle.category} of {cycle.day(last.at_ms)} lasts until about {cycle.day(cycle.end_ms(last))}: {why}{again}"
    )
