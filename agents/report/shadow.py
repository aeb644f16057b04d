"""What runs in shadow, compared with what is live: decided by both, or by one only, and who was right.

A decision is compared by its occasion: trigger, customer, and the last event that caused it; the times and the other
causes may differ. What a trigger silenced itself counts on neither side. Live decisions count while a shadow ran.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from agents.report.intervals import Share, share_of
from agents.report.ledger import ASKED, Ledger
from streams.actions import Decision
from streams.trigger import load

EXAMPLES_MAX = 3
Occasion = tuple[str, str]


class Example(Struct, frozen=True):
    """A decision to look at."""

    id: str
    decided_at_ms: int
    action: str
    because: str


class Compared(Struct, frozen=True):
    """A trigger's live and shadow decisions.

    Attributes:
        precision_live: of the cardholders asked live, or who would have been asked, those who said that it was fraud;
            `precision_shadow` the same. Only purchases count of which the answer is known.
    """

    trigger: str
    live: int
    shadow: int
    both: int
    only_live: int
    only_shadow: int
    precision_live: Share
    precision_shadow: Share
    examples_only_live: list[Example]
    examples_only_shadow: list[Example]


class _Version(Struct, frozen=True):
    triggers: dict[str, dict[str, msgspec.Raw]] = {}


def compared(ledger: Ledger) -> list[Compared]:
    """Each trigger of which something ran in shadow, in name order."""
    ran = _ran_in_shadow(ledger)
    live: dict[str, dict[Occasion, Decision]] = defaultdict(dict)
    shadow: dict[str, dict[Occasion, Decision]] = defaultdict(dict)
    for decision in ledger.decisions:
        if decision.config_version in ran.get(decision.trigger, ()) and _counts(decision):
            side = shadow if decision.outcome == "shadow" else live
            side[decision.trigger].setdefault(_occasion(decision), decision)
    return [_compared(name, live[name], shadow[name], ledger) for name in sorted(ran)]


def _ran_in_shadow(ledger: Ledger) -> dict[str, set[str]]:
    """The config versions by trigger that had it in shadow, whole or with a second set."""
    ran: dict[str, set[str]] = defaultdict(set)
    for version, content in ledger.versions.items():
        for name, settings in msgspec.json.decode(content, type=_Version).triggers.items():
            if "shadow" in settings or bytes(settings["mode"]) == b'"shadow"':
                ran[name].add(version)
    return ran


def _counts(decision: Decision) -> bool:
    known = load().get(decision.trigger)
    is_silenced = known is not None and decision.reason in known.quiet
    return bool(decision.causes) and decision.action != "none" and not is_silenced


def _occasion(decision: Decision) -> Occasion:
    return decision.customer, decision.causes[-1].event


def _compared(name: str, live: dict[Occasion, Decision], shadow: dict[Occasion, Decision], ledger: Ledger) -> Compared:
    only_live = [one for occasion, one in live.items() if occasion not in shadow]
    only_shadow = [one for occasion, one in shadow.items() if occasion not in live]
    return Compared(
        trigger=name,
        live=len(live),
        shadow=len(shadow),
        both=len(live) - len(only_live),
        only_live=len(only_live),
        only_shadow=len(only_shadow),
        precision_live=_precision(live.values(), ledger),
        precision_shadow=_precision(shadow.values(), ledger),
        examples_only_live=list(_examples(only_live)),
        examples_only_shadow=list(_examples(only_shadow)),
    )


def _precision(decisions: Iterable[Decision], ledger: Ledger) -> Share:
    answers = Counter(ledger.answer_to(one) for one in decisions if one.action == ASKED)
    return share_of(answers["fraud"], answers["fraud"] + answers["genuine"])


def _examples(decisions: list[Decision]) -> Iterator[Example]:
    for one in sorted(decisions, key=lambda one: (-one.decided_at_ms, one.id))[:EXAMPLES_MAX]:
        yield Example(one.id, one.decided_at_ms, one.action, one.because)
