"""Two ways to decide one history, matched candidate by candidate: what one of them sends and the other doesn't.

A candidate is the same on both sides if its id is: of trigger, customer, action and causing events. What is left over
at the end is matched by its occasion: trigger, customer, and the last event that caused it. Pure: decisions in, counts
out.
"""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct, field

from streams.actions import Decision
from streams.topics import DAY_MS

Side = Literal["old", "new"]
SIDES: tuple[Side, ...] = ("old", "new")
NO_CANDIDATE = "no_candidate"  # the other side proposed nothing, or had not settled it when history ended
EXAMPLES_MAX = 5
UNSETTLED = ("held",)


class Day(Struct):
    """What became of what either side sent on a day; a changed or lost one counts on the old side's."""

    unchanged: int = 0
    changed: int = 0
    gained: int = 0
    lost: int = 0

    def add(self, other: "Day") -> None:
        """The same day of other customers."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Example(Struct, frozen=True, order=True):
    """A decision to look at; `otherwise` says what the other side did instead."""

    at_ms: int
    id: str
    customer: str
    action: str
    because: str
    otherwise: str


class Difference(Struct):
    """What one trigger decides otherwise.

    Attributes:
        days: by day, counted from the epoch (UTC).
        changed_in: of what both send: what isn't the same; one decision may count for several.
        lost_to: why the new side sends none of the lost, `gained_from`: why the old side sent none of the gained.
        gained, lost, changed: the latest of them.
    """

    days: dict[int, Day] = field(default_factory=dict)
    changed_in: Counter[str] = field(default_factory=Counter)
    lost_to: Counter[str] = field(default_factory=Counter)
    gained_from: Counter[str] = field(default_factory=Counter)
    gained: list[Example] = field(default_factory=list)
    lost: list[Example] = field(default_factory=list)
    changed: list[Example] = field(default_factory=list)

    @property
    def total(self) -> Day:
        """All days together."""
        total = Day()
        for day in self.days.values():
            total.add(day)
        return total

    def add(self, other: "Difference") -> None:
        """The same trigger's of other customers."""
        for number, day in other.days.items():
            self.days.setdefault(number, Day()).add(day)
        self.changed_in += other.changed_in
        self.lost_to += other.lost_to
        self.gained_from += other.gained_from
        for name in ("gained", "lost", "changed"):
            for example in getattr(other, name):
                _keep(getattr(self, name), example)


class _Ending(Struct, frozen=True):
    """What became of a candidate for good; without a reason it was sent."""

    decision: Decision
    reason: str | None

    @property
    def occasion(self) -> tuple[str, str, str]:
        causes = self.decision.causes
        return self.decision.trigger, self.decision.customer, causes[-1].event if causes else self.decision.id


class Comparison:
    """Takes both sides' decisions, each side's in order; keeps those that the other side hasn't settled yet."""

    def __init__(self) -> None:
        self._differences: dict[str, Difference] = defaultdict(Difference)
        self._open: dict[Side, dict[str, _Ending]] = {side: {} for side in SIDES}
        self._repeated: dict[Side, list[_Ending]] = {side: [] for side in SIDES}

    def take(self, side: Side, decision: Decision) -> None:
        """A decision of one side. What is only held, or comes of a second set in shadow, doesn't count."""
        if decision.outcome in UNSETTLED or decision.parameter_set != "main":
            return
        ending = _Ending(decision, None if decision.outcome == "sent" else decision.reason or decision.outcome)
        other: Side = "new" if side == "old" else "old"
        met = self._open[other].pop(decision.candidate, None)
        if met is not None:
            self._settle(*((ending, met) if side == "old" else (met, ending)))
            return
        if decision.candidate in self._open[side]:
            self._repeated[side].append(self._open[side][decision.candidate])
        self._open[side][decision.candidate] = ending

    def close(self) -> dict[str, Difference]:
        """History has ended: match what is left over by its occasion; by trigger, what differs and what doesn't."""
        left = {side: [*self._repeated[side], *self._open[side].values()] for side in SIDES}
        others = _by_occasion(left["new"])
        for old in sorted(left["old"], key=_sent_first):
            several = others.get(old.occasion)
            self._settle(old, several.pop(0) if several else None)
        for several in others.values():
            for new in several:
                self._settle(None, new)
        return dict(self._differences)

    def _settle(self, old: _Ending | None, new: _Ending | None) -> None:
        was_sent, is_sent = (one is not None and one.reason is None for one in (old, new))
        if old is not None and new is not None and was_sent and is_sent:
            self._both(old.decision, new.decision)
        elif old is not None and was_sent:
            reason = NO_CANDIDATE if new is None else new.reason or NO_CANDIDATE
            difference = self._on(old.decision, "lost")
            difference.lost_to[reason] += 1
            _keep(difference.lost, _example(old.decision, reason))
        elif new is not None and is_sent:
            reason = NO_CANDIDATE if old is None else old.reason or NO_CANDIDATE
            difference = self._on(new.decision, "gained")
            difference.gained_from[reason] += 1
            _keep(difference.gained, _example(new.decision, reason))

    def _both(self, old: Decision, new: Decision) -> None:
        changes = dict(_changes(old, new))
        difference = self._on(old, "changed" if changes else "unchanged")
        difference.changed_in.update(changes.keys())
        if changes:
            _keep(difference.changed, _example(old, ", ".join(changes.values())))

    def _on(self, decision: Decision, what: str) -> Difference:
        difference = self._differences[decision.trigger]
        day = difference.days.setdefault(decision.decided_at_ms // DAY_MS, Day())
        setattr(day, what, getattr(day, what) + 1)
        return difference


def _changes(old: Decision, new: Decision) -> Iterator[tuple[str, str]]:
    """What isn't the same of two decisions that are both sent, and how it is on the new side."""
    if old.decided_at_ms != new.decided_at_ms:
        hours = (new.decided_at_ms - old.decided_at_ms) / 3_600_000
        yield "time", f"{abs(hours):.1f} h {'later' if hours > 0 else 'earlier'}"
    for name in ("action", "offer", "channel", "priority"):
        if getattr(old, name) != getattr(new, name):
            yield name, f"{name} {getattr(new, name) or 'none'}"
    if old.candidate != new.candidate and old.action == new.action:
        yield "causes", "other causes before the last"


def _by_occasion(endings: Iterable[_Ending]) -> dict[tuple[str, str, str], list[_Ending]]:
    found: dict[tuple[str, str, str], list[_Ending]] = defaultdict(list)
    for one in sorted(endings, key=_sent_first):
        found[one.occasion].append(one)
    return found


def _sent_first(one: _Ending) -> bool:
    return one.reason is not None


def _example(decision: Decision, otherwise: str) -> Example:
    return Example(decision.decided_at_ms, decision.id, decision.customer, decision.action, decision.because, otherwise)


def _keep(examples: list[Example], one: Example) -> None:
    """Among the latest, the oldest of them first."""
    insort(examples, one)
    del examples[:-EXAMPLES_MAX]
