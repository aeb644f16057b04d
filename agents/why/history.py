"""A customer's history: the partition is decided again, and what concerns the customer is put down as it happens."""

from msgspec import Struct

from agents.replay import Replay
from agents.why.sources import concerns
from streams import arbiter, config
from streams.actions import Decision
from streams.arbiter import Question, Ruling
from streams.config import Config
from streams.journal import ConfigVersion, Entry, EventEntry, Tick, kind_of
from streams.partition import JournalRecord
from streams.state import Proposal


class Step(Struct, frozen=True):
    """One objection that the arbiter asked: what it answered, and until when a wait lasts at the latest.

    Attributes:
        outcome: held or suppressed; None: it had nothing against it.
        reason: under which the answer is recorded.
    """

    objection: str
    outcome: str | None = None
    reason: str | None = None
    until_ms: int | None = None


class Asked(Struct, kw_only=True):
    """A candidate before the arbiter.

    Attributes:
        position: of the journal entry at which it came up; `by` is the entry's kind.
        at_ms: the journal's time then.
        steps: in the order in which objections were asked, up to the one that counted.
        decision: what was decided; None: nothing new, it was left to wait.
    """

    candidate: str
    trigger: str
    action: str
    position: int
    by: str
    at_ms: int
    steps: list[Step]
    decision: Decision | None = None

    @property
    def ruling(self) -> tuple[str, str | None]:
        """What the objections came to: the last one that was asked, or no objection."""
        last = self.steps[-1] if self.steps else None
        return (last.outcome, last.reason) if last is not None and last.outcome is not None else ("sent", None)


class Rules(Struct, frozen=True):
    """A config version in force, and the journal entry that it came by."""

    position: int
    at_ms: int
    config: Config


class History:
    """What a partition's entries mean for one customer. Feed it all entries, in order.

    Attributes:
        entries: of the customer, by journal position.
        asked: each candidate of the customer's, each time that it came up with another result.
        rules: in force now; None before the first config version.
        now_ms: the customer's time: the last tick, or a later event of the customer's.
        began: the first journal position there is; None without entries.
    """

    def __init__(self, partition: int, customer: str) -> None:
        self.partition = partition
        self.customer = customer
        self.entries: dict[int, Entry] = {}
        self.asked: list[Asked] = []
        self.rules: Rules | None = None
        self.now_ms = -1
        self.position = -1
        self.began: int | None = None
        self._machine = Replay(witness=self._witness)
        self._open: list[Asked] = []
        self._left: dict[str, tuple[str, str | None]] = {}
        self._by = ""

    def take(self, record: JournalRecord) -> list[Asked]:
        """Decide one entry again; what was asked and decided about the customer, in order."""
        position, entry = record.offset, record.entry
        self.position, self._by, self._open = position, kind_of(entry), []
        self._note(position, entry)
        decided = [one for one in self._machine.apply(self.partition, record) if one.customer == self.customer]
        new = [self._asked_for(one) for one in decided]
        self._left.update({one.candidate: one.ruling for one in new})
        new += [one for one in self._open if self._left.get(one.candidate) != one.ruling]
        self._left.update({one.candidate: one.ruling for one in self._open})
        self.asked += new
        return new

    @property
    def state(self) -> bytes | None:
        """The customer's record as the workers keep it."""
        return self._machine.tables.get(self.partition, {}).get(self.customer.encode())

    def _note(self, position: int, entry: Entry) -> None:
        if self.began is None:
            self.began = position
        if isinstance(entry, ConfigVersion):
            self.rules = Rules(position, entry.at_ms, config.decode(entry.content, entry.version))
        elif isinstance(entry, Tick):
            self.now_ms = max(self.now_ms, entry.at_ms)
        elif concerns(JournalRecord(position, entry), self.customer):
            self.entries[position] = entry
            if isinstance(entry, EventEntry):
                self.now_ms = max(self.now_ms, entry.event.at_ms)

    def _witness(self, proposal: Proposal, question: Question) -> None:
        if question.customer != self.customer:
            return
        self.now_ms = max(self.now_ms, question.now_ms)
        steps = []
        for objection, ruling in arbiter.answers(question):
            steps.append(_step(objection, ruling))
            if ruling is not None:
                break
        self._open.append(
            Asked(
                candidate=proposal.id,
                trigger=proposal.trigger,
                action=proposal.candidate.action,
                position=self.position,
                by=self._by,
                at_ms=question.now_ms,
                steps=steps,
            )
        )

    def _asked_for(self, decision: Decision) -> Asked:
        """The decision with the question that it answers; a trigger that broke, or was switched off, was asked none."""
        several = [one for one in self._open if one.candidate == decision.candidate]
        asked = next((one for one in several if one.ruling[1] == decision.reason), several[-1] if several else None)
        if asked is None:
            asked = Asked(
                candidate=decision.candidate,
                trigger=decision.trigger,
                action=decision.action,
                position=self.position,
                by=self._by,
                at_ms=decision.decided_at_ms,
                steps=[],
            )
        else:
            done = several[: several.index(asked) + 1]
            self._open = [one for one in self._open if not any(one is other for other in done)]
        asked.decision = decision
        return asked


def _step(objection: str, ruling: Ruling | None) -> Step:
    return Step(objection) if ruling is None else Step(objection, ruling.outcome, ruling.reason, ruling.until_ms)
