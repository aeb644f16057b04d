"""Planted low scores, negative posts and complaints one after another, and what is only half as bad.

score 2       score 1              complaint     complaint
--o-------------o---------------------o-------------o--->   a care_call at the first and the last
"""

from agents.demo.plan import Plan, Role
from agents.demo.plants.service_recovery import solve
from agents.demo.timeline import DAY_MS
from streams.events import Interaction

TRIGGER, ACTION = "negative_feedback", "care_call"
DAYS = (120, 760)


def low_score(plan: Plan) -> None:
    """A survey after a stay."""
    at_ms = plan.daytime_ms(DAYS)
    plan.expect(TRIGGER, ACTION, at_ms, [_answer(plan, at_ms, plan.random.randrange(4))])


def angry_post(plan: Plan) -> None:
    """For all to read."""
    at_ms = plan.daytime_ms(DAYS)
    plan.expect(TRIGGER, ACTION, at_ms, [_post(plan, at_ms, -plan.random.randrange(50, 101))])


def complaint_after_complaint(plan: Plan) -> None:
    """Each solved in time, but the second came within weeks."""
    first_ms = plan.daytime_ms(DAYS)
    again_ms = first_ms + plan.random.randrange(10, 30) * DAY_MS
    first, again = solve(plan, first_ms, "website"), solve(plan, again_ms, "invoice")
    plan.expect(TRIGGER, ACTION, again_ms, [first[0], again[0]])


def angry_twice(plan: Plan) -> None:
    """The second time is within the rest after the first call."""
    first_ms = plan.daytime_ms(DAYS)
    again_ms = first_ms + plan.random.randrange(5, 29) * DAY_MS
    first = _answer(plan, first_ms, plan.random.randrange(4))
    again = _answer(plan, again_ms, plan.random.randrange(4))
    plan.expect(TRIGGER, ACTION, first_ms, [first])
    plan.forbid(TRIGGER, ACTION, again_ms, [first, again])


def middling_score(plan: Plan) -> None:
    """Just above what is low."""
    at_ms = plan.daytime_ms(DAYS)
    plan.forbid(TRIGGER, ACTION, at_ms, [_answer(plan, at_ms, plan.random.randrange(4, 7))])


def grumbling_post(plan: Plan) -> None:
    """Not friendly, but no more."""
    at_ms = plan.daytime_ms(DAYS)
    plan.forbid(TRIGGER, ACTION, at_ms, [_post(plan, at_ms, plan.random.randrange(-49, 0))])


def complaints_far_apart(plan: Plan) -> None:
    """Two in half a year, each solved."""
    first_ms = plan.daytime_ms(DAYS)
    again_ms = first_ms + plan.random.randrange(32, 80) * DAY_MS
    first, again = solve(plan, first_ms, "delivery"), solve(plan, again_ms, "delivery")
    plan.forbid(TRIGGER, ACTION, again_ms, [first[0], again[0]])


def _answer(plan: Plan, at_ms: int, score: int) -> str:
    return plan.happen(Interaction, at_ms, kind="survey_answer", score=score)


def _post(plan: Plan, at_ms: int, sentiment_percent: int) -> str:
    return plan.happen(Interaction, at_ms, kind="social_post", sentiment=sentiment_percent / 100)


ROLES = (
    Role(low_score.__name__, "resort", low_score),
    Role(angry_post.__name__, "retailer", angry_post),
    Role(complaint_after_complaint.__name__, "software", complaint_after_complaint),
    Role(angry_twice.__name__, "bank", angry_twice),
    Role(middling_score.__name__, "resort", middling_score),
    Role(grumbling_post.__name__, "retailer", grumbling_post),
    Role(complaints_far_apart.__name__, "retailer", complaints_far_apart),
)
