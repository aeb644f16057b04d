"""What a verification has seen so far, all parts together."""

from collections import Counter

from msgspec import Struct, field

from agents.audit.findings import Findings
from agents.audit.log import Moment
from agents.audit.outputs import Outputs
from agents.audit.privacy import Privacy
from agents.audit.sources import Sources
from agents.audit.state import States


class Tallies(Struct, kw_only=True):
    """Counts and findings; `agents/audit/checks.py` says what they mean.

    Attributes:
        decisions: the oracle's, by trigger and outcome.
        entries: applied by the oracle, by kind.
        ticks_back: ticks that weren't later than the one before; they are ignored.
        undecided: entries that the state doesn't know of; `ticks_ahead` of them are ticks at the end.
        journal_starts: partitions whose journal doesn't begin at its beginning.
        first_event_at_ms: when the first event was journaled.
    """

    moment: Moment
    sources: Sources = field(default_factory=Sources)
    outputs: Outputs = field(default_factory=Outputs)
    states: States = field(default_factory=States)
    privacy: Privacy = field(default_factory=Privacy)
    undecided: Findings = field(default_factory=Findings)
    journal_starts: Findings = field(default_factory=Findings)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    forgotten: int = 0
    ticks_back: int = 0
    ticks_ahead: int = 0
    first_event_at_ms: float = float("inf")
