"""The arbiter: whether a candidate is sent, held or suppressed, and why.

Each rule looks at one candidate and either has no objection (None) or gives its ruling; the first objection counts.
Fraud checks and service messages pass at once, unless they have expired; care keeps quiet hours; only offers are asked
to wait or to be silent, and compete: `streams.competition` says which of several goes out.
"""

from collections.abc import Callable, Iterator
from datetime import time
from typing import NamedTuple

from msgspec import Struct

from streams.actions import ACTIONS, Outcome
from streams.calendar import Period, period_ms, quiet_until_ms
from streams.events import Channel
from streams.facts import Facts
from streams.policy import Cadence, Policy
from streams.trigger import Candidate, milliseconds


class Ruling(Struct, frozen=True):
    """What becomes of a candidate.

    Attributes:
        until_ms: when a held one is looked at again at the latest.
        outranked_by: id of the candidate that was preferred.
    """

    outcome: Outcome
    reason: str | None = None
    until_ms: int | None = None
    outranked_by: str | None = None


class Question(Struct, frozen=True):
    """A candidate in its circumstances.

    Attributes:
        now_ms: the customer's time.
        ticked_ms: the last tick: what happened before it should be known.
        held_since_ms: when it was first held, None if it never was.
        is_runaway: whether the guard holds the trigger.
    """

    candidate: Candidate
    trigger: str
    customer: str
    facts: Facts
    policy: Policy
    now_ms: int
    ticked_ms: int
    held_since_ms: int | None = None
    is_runaway: bool = False

    @property
    def zone(self) -> str:
        """The customer's time zone."""
        return self.facts.zone(self.policy)

    @property
    def limit_ms(self) -> int:
        """When it is no longer worth sending: it expires, or has waited too long."""
        since_ms = self.now_ms if self.held_since_ms is None else self.held_since_ms
        waited_ms, expires_ms = since_ms + milliseconds(self.policy.held_max), self.candidate.expires_at_ms
        return waited_ms if expires_ms is None else min(expires_ms, waited_ms)


class Answer(NamedTuple):
    """What one objection said to a question; None: it has nothing against it."""

    objection: str
    ruling: Ruling | None


Objection = Callable[[Question], Ruling | None]
SENT = Ruling("sent")


def suppressed(reason: str, outranked_by: str | None = None) -> Ruling:
    """It is not sent."""
    return Ruling("suppressed", reason, outranked_by=outranked_by)


def _held(question: Question, reason: str, until_ms: int) -> Ruling:
    """It waits for something that may also happen earlier."""
    return Ruling("held", reason, min(until_ms, question.limit_ms))


def _put_off(question: Question, reason: str, until_ms: int) -> Ruling:
    """It waits for a time that is known; what isn't worth sending by then ends here."""
    return Ruling("held", reason, until_ms) if until_ms < question.limit_ms else suppressed(reason)


def expired(question: Question) -> Ruling | None:
    """Acting no longer makes sense, or it has waited too long."""
    return suppressed("expired") if question.limit_ms <= question.now_ms else None


def too_late(question: Question) -> Ruling | None:
    """A tick says that acting no longer makes sense; not merely an event of another topic that was read faster."""
    expires_ms = question.candidate.expires_at_ms
    return suppressed("expired") if expires_ms is not None and expires_ms <= question.ticked_ms else None


def runaway(question: Question) -> Ruling | None:
    """The trigger suddenly sent far more than it ever did: nothing of it goes out until somebody has looked."""
    return suppressed("runaway") if question.is_runaway else None


def no_channel(question: Question) -> Ruling | None:
    """The customer can't be reached in any way in which this action can be carried out."""
    return None if channel_for(question.candidate.action, question.facts) else suppressed("no_channel")


def no_consent(question: Question) -> Ruling | None:
    """The customer agreed to no channel on which this action can be carried out."""
    return None if channel_for(question.candidate.action, question.facts) else suppressed("no_consent")


def offers_paused(question: Question) -> Ruling | None:
    """Offers rest after a confirmed fraud, and after negative feedback."""
    return suppressed("offers_paused") if question.now_ms < question.facts.dossier.offers_paused_until_ms else None


def declined(question: Question) -> Ruling | None:
    """The customer said no to this lately."""
    rest_ms = milliseconds(question.policy.declined_rest)
    for contact in question.facts.dossier.contacts:
        is_declined = contact.response == "declined" and contact.action == question.candidate.action
        if is_declined and question.now_ms < contact.responded_at_ms + rest_ms:
            return suppressed("declined")
    return None


def cool_down(question: Question) -> Ruling | None:
    """The last offer of this trigger to this customer is too recent."""
    last_ms = max(
        (one.at_ms for one in question.facts.dossier.contacts if one.trigger == question.trigger), default=None
    )
    if last_ms is None or question.now_ms >= last_ms + milliseconds(question.policy.cool_down):
        return None
    return suppressed("cool_down")


def fraud_check_open(question: Question) -> Ruling | None:
    """The cardholder was asked about a purchase and hasn't answered: selling waits."""
    open_max = question.policy.fraud_check_open_max
    check = question.facts.open_fraud_check(question.now_ms, open_max)
    if check is None:
        return None
    return _held(question, "fraud_check_open", check.opened_at_ms + milliseconds(open_max))


def complaint_open(question: Question) -> Ruling | None:
    """The customer complained and waits for us: selling waits too."""
    open_max = question.policy.complaint_open_max
    complaint = question.facts.open_complaint(question.now_ms, open_max)
    if complaint is None:
        return None
    return _held(question, "complaint_open", complaint.at_ms + milliseconds(open_max))


def complaint_fresh(question: Question) -> Ruling | None:
    """A complaint was resolved only lately: first the follow-up, then offers."""
    resolved_ms = question.facts.resolved_at_ms()
    if resolved_ms is None:
        return None
    until_ms = resolved_ms + milliseconds(question.policy.complaint_rest)
    return _put_off(question, "complaint_fresh", until_ms) if question.now_ms < until_ms else None


def capped(question: Question) -> Ruling | None:
    """The customer has had as many offers as a calendar day, week or month allows; it waits for the next one."""
    periods: tuple[Period, ...] = ("day", "week", "month")
    for period in periods:
        from_ms, until_ms = period_ms(question.now_ms, question.zone, period)
        count = sum(from_ms <= contact.at_ms for contact in question.facts.dossier.contacts)
        if count >= getattr(question.policy.caps, period):
            return _put_off(question, f"{period}_cap", until_ms)
    return None


def cadence(question: Question) -> Ruling | None:
    """The last offer is more recent than this customer's own habits allow."""
    last_ms = max((contact.at_ms for contact in question.facts.dossier.contacts), default=None)
    if last_ms is None:
        return None
    until_ms = last_ms + gap_ms(question.facts, question.policy.cadence, question.now_ms)
    return _put_off(question, "cadence", until_ms) if question.now_ms < until_ms else None


def gap_ms(facts: Facts, habits: Cadence, now_ms: int) -> int:
    """The least time between two offers: a week through the touches in a week, between the limits.

    Several ignored in a row make it the longest.
    """
    longest_ms = milliseconds(habits.gap_max)
    if facts.ignored_in_a_row(now_ms, habits.ignored_after) >= habits.ignored_max:
        return longest_ms
    touches = facts.touches_a_week(now_ms)
    return max(milliseconds(habits.gap_min), min(longest_ms, int(7 * 86_400_000 / touches))) if touches else longest_ms


def quiet_hours(question: Question) -> Ruling | None:
    """It is night where the customer is."""
    quiet = question.policy.quiet_hours
    begin, end = time.fromisoformat(quiet.begin), time.fromisoformat(quiet.end)
    until_ms = quiet_until_ms(question.now_ms, question.zone, begin, end)
    return None if until_ms is None else _put_off(question, "quiet_hours", until_ms)


AT_ONCE: tuple[Objection, ...] = (too_late, runaway)
FOR_CARE: tuple[Objection, ...] = (expired, runaway, no_channel, quiet_hours)
FOR_OFFERS: tuple[Objection, ...] = (
    *(expired, runaway, no_consent, offers_paused, declined, cool_down),  # what ends it, before what only makes it wait
    *(fraud_check_open, complaint_open, complaint_fresh, capped, cadence, quiet_hours),
)
OBJECTIONS: dict[str, tuple[Objection, ...]] = {"care": FOR_CARE, "offer": FOR_OFFERS}  # by an action's purpose
OWN_REASON = "own_reason"  # the trigger itself has a reason for silence
DISPLACED = "displaced"  # more candidates wait than are kept: the oldest goes
OUTRANKED = "outranked"  # another candidate of this customer was preferred
HOLD_OUT = "hold_out"  # the customer is one of those who get nothing, to compare with
REASONS: tuple[str, ...] = (
    *(one.__name__ for one in (no_channel, *FOR_OFFERS) if one is not capped),
    *("day_cap", "week_cap", "month_cap", DISPLACED, OUTRANKED, HOLD_OUT),
)


def answers(question: Question) -> Iterator[Answer]:
    """What each objection says, in the order in which they are asked; none is asked before its answer is wanted.

    The trigger's own silence comes first, where it has one.
    """
    if question.candidate.quiet is not None:
        yield Answer(OWN_REASON, suppressed(question.candidate.quiet))
    for objection in OBJECTIONS.get(ACTIONS[question.candidate.action].purpose, AT_ONCE):
        yield Answer(objection.__name__, objection(question))


def judge(question: Question) -> Ruling:
    """The ruling on one candidate, as if there were no other: the first that isn't None."""
    return next((answer.ruling for answer in answers(question) if answer.ruling is not None), SENT)


def channel_for(action: str, facts: Facts) -> Channel | None:
    """The customer's best channel for an action: possible for it, and agreed to if it sells. None if there is none."""
    possible = ACTIONS[action].channels
    agreed = facts.dossier.consents if ACTIONS[action].is_offer else facts.dossier.channels
    return next((one for one in facts.dossier.channels if one in possible and one in agreed), None)
