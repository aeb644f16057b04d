"""What a verification says: each check with its statement, its counts and what speaks against it."""

from typing import Literal

from msgspec import Struct, field

TOLD_MAX = 5
Verdict = Literal["holds", "broken"]


class Findings(Struct):
    """What speaks against a statement: how many, and the first of them in words, without customers' data."""

    count: int = 0
    told: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self.told) < TOLD_MAX:
            self.told.append(text)


class Check(Struct, kw_only=True):
    """One invariant, held against the log.

    Attributes:
        statement: what must hold, as a sentence.
        counts: what was looked at.
        broken: how many findings there are; `findings` tells the first ones.
        notes: what could not be checked, or is worth knowing, without being a finding.
    """

    id: str
    name: str
    statement: str
    verdict: Verdict
    counts: dict[str, int]
    broken: int
    findings: list[str]
    notes: list[str]


class Audit(Struct, kw_only=True):
    """A whole verification.

    Attributes:
        is_settled: whether the workers had nothing left to do; if not, the end may differ.
        state_hash: of all customers' states, sorted: equal in two runs over the same journal.
    """

    is_settled: bool
    state_hash: str
    checks: list[Check]

    @property
    def broken(self) -> int:
        """How many findings there are in all."""
        return sum(check.broken for check in self.checks)


def check(
    name: tuple[str, str], statement: str, counts: dict[str, int], found: Findings, notes: list[str] | None = None
) -> Check:
    """A check with its verdict; `name` is its id and what it is about."""
    return Check(
        id=name[0],
        name=name[1],
        statement=statement,
        verdict="broken" if found.count else "holds",
        counts=counts,
        broken=found.count,
        findings=found.told,
        notes=notes or [],
    )
