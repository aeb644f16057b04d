"""Planted complaints: solved well, late, badly or not at all.

complaint      resolved
--o---------------o-----------|follow_up_call        |escalate_complaint five days after a complaint without one
"""

from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, HOUR_MS
from streams.events import Interaction

TRIGGER, FOLLOW_UP, ESCALATE = "service_recovery", "follow_up_call", "escalate_complaint"
RESOLVE_WITHIN_MS, FOLLOW_UP_AFTER_MS = 5 * DAY_MS, 3 * DAY_MS
DAYS = (120, 820)
SUBJECTS = ("delivery", "invoice", "repair", "website")


def solved_well(plan: Plan) -> None:
    """Within days: nobody has to be told."""
    at_ms = plan.daytime_ms(DAYS)
    events = solve(plan, at_ms, plan.random.choice(SUBJECTS))
    plan.forbid(TRIGGER, ESCALATE, at_ms + RESOLVE_WITHIN_MS, events[:1])


def solved_late(plan: Plan) -> None:
    """Too late for those who promised, but solved."""
    at_ms = plan.daytime_ms(DAYS)
    resolved_ms = at_ms + plan.random.randrange(6, 15) * DAY_MS
    complaint = complain(plan, at_ms, "repair")
    plan.expect(TRIGGER, ESCALATE, at_ms + RESOLVE_WITHIN_MS, [complaint])
    plan.expect(TRIGGER, FOLLOW_UP, resolved_ms + FOLLOW_UP_AFTER_MS, [complaint, resolve(plan, resolved_ms, "repair")])


def never_solved(plan: Plan) -> None:
    """Nobody answered."""
    at_ms = plan.daytime_ms(DAYS)
    plan.expect(TRIGGER, ESCALATE, at_ms + RESOLVE_WITHIN_MS, [complain(plan, at_ms, "invoice")])


def solved_badly(plan: Plan) -> None:
    """Closed in time, but the customer says with it, or soon after, that it wasn't solved: worth a call of care."""
    at_ms = plan.daytime_ms(DAYS)
    resolved_ms, score = at_ms + plan.random.randrange(DAY_MS, 4 * DAY_MS), plan.random.randrange(4)
    events, low_ms = [complain(plan, at_ms, "delivery")], resolved_ms
    if plan.random.randrange(2):
        low_ms += plan.random.randrange(HOUR_MS, 2 * DAY_MS)
        events.append(resolve(plan, resolved_ms, "delivery"))
        events.append(plan.happen(Interaction, low_ms, kind="survey_answer", score=score))
    else:
        events.append(resolve(plan, resolved_ms, "delivery", score))
    plan.forbid(TRIGGER, FOLLOW_UP, resolved_ms + FOLLOW_UP_AFTER_MS, events)
    plan.expect("negative_feedback", "care_call", low_ms, events[-1:])


def another_one_open(plan: Plan) -> None:
    """Asked only when the second complaint, which came in between, is solved too; two of them are worth a call."""
    first_ms = plan.daytime_ms(DAYS)
    solved_ms = first_ms + plan.random.randrange(DAY_MS, 2 * DAY_MS)
    second_ms = solved_ms + plan.random.randrange(HOUR_MS, 2 * DAY_MS)
    second_solved_ms = solved_ms + FOLLOW_UP_AFTER_MS + plan.random.randrange(30 * HOUR_MS, 44 * HOUR_MS)
    events = [complain(plan, first_ms, "delivery"), resolve(plan, solved_ms, "delivery")]
    events += [complain(plan, second_ms, "invoice"), resolve(plan, second_solved_ms, "invoice")]
    plan.forbid(TRIGGER, FOLLOW_UP, solved_ms + FOLLOW_UP_AFTER_MS, events[:3])
    plan.expect("negative_feedback", "care_call", second_ms, [events[0], events[2]])
    plan.expect(TRIGGER, FOLLOW_UP, second_solved_ms + FOLLOW_UP_AFTER_MS, events[2:])


def asked_a_question(plan: Plan) -> None:
    """A call is no complaint."""
    at_ms = plan.daytime_ms(DAYS)
    call = plan.happen(Interaction, at_ms, kind="call", subject="invoice")
    plan.forbid(TRIGGER, ESCALATE, at_ms + RESOLVE_WITHIN_MS, [call])


def complain(plan: Plan, at_ms: int, subject: str) -> str:
    """A complaint about something."""
    return plan.happen(Interaction, at_ms, kind="complaint", subject=subject)


def resolve(plan: Plan, at_ms: int, subject: str, score: int | None = None) -> str:
    """The end of it; the score is what the customer says of that."""
    return plan.happen(Interaction, at_ms, kind="complaint_resolved", subject=subject, score=score)


def solve(plan: Plan, at_ms: int, subject: str) -> list[str]:
    """A complaint that is solved within two days, and the call that follows."""
    resolved_ms = at_ms + plan.random.randrange(HOUR_MS, 2 * DAY_MS)
    events = [complain(plan, at_ms, subject), resolve(plan, resolved_ms, subject)]
    plan.expect(TRIGGER, FOLLOW_UP, resolved_ms + FOLLOW_UP_AFTER_MS, events)
    return events


ROLES = (
    Role(solved_well.__name__, "retailer", solved_well),
    Role(solved_late.__name__, "car_dealer", solved_late),
    Role(never_solved.__name__, "bank", never_solved),
    Role(solved_badly.__name__, "retailer", solved_badly),
    Role(another_one_open.__name__, "resort", another_one_open),
    Role(asked_a_question.__name__, "software", asked_a_question),
)
