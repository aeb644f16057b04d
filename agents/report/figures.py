"""The figures of a report: what fraud checks and offers were worth, so far as enough is known to say so."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from agents.report.intervals import Difference, Share, difference_of, share_of
from agents.report.ledger import Check, Ledger, Offer

ENOUGH = 100


class Precision(Struct, frozen=True):
    """How often cardholders who were asked said that it was fraud, by config version."""

    trigger: str
    config_version: str
    asked: int
    unanswered: int
    precision: Share


class Acceptance(Struct, frozen=True):
    """How often an offer was taken by the customers of a segment; `opened` includes those who took it."""

    action: str
    offer: str
    segment: str
    accepted: Share
    opened: int
    declined: int


class Uplift(Struct, frozen=True):
    """What contacting achieves: conversions of those who got offers, less those of the hold-out group."""

    trigger: str
    treated: Share
    held_out: Share
    uplift: Difference | None
    statement: str


class Silence(Struct, frozen=True):
    """How often a trigger's candidate was not sent, or had to wait, and why."""

    trigger: str
    reason: str
    count: int


class Figures(Struct, frozen=True):
    """A report."""

    sent: dict[str, int]
    fraud: list[Precision]
    acceptance: list[Acceptance]
    uplift: list[Uplift]
    silences: list[Silence]
    holds: list[Silence]


def figures(ledger: Ledger) -> Figures:
    """All figures of a ledger, sorted by their names."""
    offers = ledger.answered_offers()
    made = [one for one in offers if not one.is_held_out]
    return Figures(
        sent=dict(sorted(ledger.sent.items())),
        fraud=list(_precision(ledger.answered_checks())),
        acceptance=list(_acceptance(made)),
        uplift=list(_uplift(offers)),
        silences=[Silence(*key, count) for key, count in sorted(ledger.silences.items())],
        holds=[Silence(*key, count) for key, count in sorted(ledger.holds.items())],
    )


def _precision(checks: Iterable[Check]) -> Iterator[Precision]:
    for (trigger, version), several in _grouped(
        checks, lambda one: (one.decision.trigger, one.decision.config_version)
    ):
        answers = Counter(one.answer for one in several)
        known = answers["fraud"] + answers["genuine"]
        yield Precision(trigger, version, len(several), answers[None], share_of(answers["fraud"], known))


def _acceptance(offers: Iterable[Offer]) -> Iterator[Acceptance]:
    def key(one: Offer) -> tuple[str, str, str]:
        return one.decision.action, one.decision.offer or "", one.decision.segment or ""

    for (action, offer, segment), several in _grouped(offers, key):
        responses = Counter(one.response for one in several)
        accepted = sum(one.is_accepted for one in several)
        opened = accepted + responses["opened"] + responses["declined"]
        yield Acceptance(action, offer, segment, share_of(accepted, len(several)), opened, responses["declined"])


def _uplift(offers: Iterable[Offer]) -> Iterator[Uplift]:
    for trigger, several in _grouped(offers, lambda one: one.decision.trigger):
        treated, held_out = (
            _converted([one for one in several if one.is_held_out is group]) for group in (False, True)
        )
        yield uplift_of(trigger, treated, held_out)


def uplift_of(trigger: str, treated: Share, held_out: Share) -> Uplift:
    """One share of conversions less the other, with what can be said of it."""
    difference = difference_of(treated, held_out)
    return Uplift(trigger, treated, held_out, difference, _statement(treated, held_out, difference))


def _converted(offers: list[Offer]) -> Share:
    """Accepted counts for who got an offer; whoever got none can only convert by themselves."""
    return share_of(sum(one.response == "converted" for one in offers), len(offers))


def _statement(treated: Share, held_out: Share, difference: Difference | None) -> str:
    """In words, and plainly where nothing can be said yet."""
    fewest = min(treated.total, held_out.total)
    if difference is None or fewest < ENOUGH:
        return f"not enough data yet: {fewest} of {ENOUGH}"
    points = f"{100 * difference.difference:+.1f} points ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    if not difference.is_clear:
        return f"no clear effect: {points}"
    return f"{'more' if difference.low > 0 else 'fewer'} conversions: {points}"


def _grouped(several: Iterable[Any], key: Callable[[Any], Any]) -> Iterator[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for one in several:
        groups[key(one)].append(one)
    yield from sorted(groups.items(), key=lambda item: item[0])
