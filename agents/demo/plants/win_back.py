"""Planted ends of contracts, by reason, and ones after which nobody should come knocking.

signed                    cancelled: price
--o---------------------------o--------------|win_back_offer   a week later; by default a month
"""

from msgspec.structs import replace

from agents.demo.agreements import Term, begin_ms, say, sign, use
from agents.demo.plan import Plan, Role
from agents.demo.plants.cards import profile
from agents.demo.plants.renewal_reminder import LAST_CALL_MS, ending
from agents.demo.timeline import DAY_MS

TRIGGER, ACTION = "win_back", "win_back_offer"
WAIT_MS = 30 * DAY_MS
WAITS_MS = {"price": 7 * DAY_MS, "quality": 60 * DAY_MS, "moved": 180 * DAY_MS}
BEGIN_DAYS, CANCELLED_DAYS = (30, 150), (200, 640)
PRODUCT = "delivery_pass"
LITTLE_MINOR = (100, 5_000)


def went_for_the_price(plan: Plan) -> None:
    """Where it is cheaper, the answer must be quick."""
    _expect(plan, _cancelled(plan, "price"), WAITS_MS["price"])


def moved_away(plan: Plan) -> None:
    """Half a year later the new place may have what they used before."""
    _expect(plan, _cancelled(plan, "moved"), WAITS_MS["moved"])


def left_without_a_word(plan: Plan) -> None:
    """No reason, or one that nothing is known of."""
    _expect(plan, _cancelled(plan, plan.random.choice((None, "other_plans"))), WAIT_MS)


def disappointed(plan: Plan) -> None:
    """Not renewed at the end of a year: reminded before, and won back when the anger is over."""
    term, ends_ms = ending(plan, "season_pass", 12)
    ended = say(plan, term, "not_renewed", ends_ms, "quality")
    plan.expect("renewal_reminder", "renewal_offer", ends_ms - LAST_CALL_MS, [term.event])
    _expect(plan, (ended, ends_ms), WAITS_MS["quality"])


def sent_away(plan: Plan) -> None:
    """The company ended it."""
    _forbid(plan, _cancelled(plan, plan.random.choice(("closed_by_us", "fraud", "insolvent"))))


def wants_no_contact(plan: Plan) -> None:
    """Said so with the cancellation."""
    _forbid(plan, _cancelled(plan, "asked_for_no_contact"))


def signed_again(plan: Plan) -> None:
    """Back before anybody asked."""
    ended, at_ms = _cancelled(plan, None)
    again_ms = at_ms + plan.random.randrange(12, 28) * DAY_MS
    _forbid(plan, (ended, at_ms), _in_use(plan, again_ms).event)


def worth_little(plan: Plan) -> None:
    """Less than an offer costs."""
    ended, at_ms = _cancelled(plan, None)
    known = profile(plan, plan.identifier(), at_ms - DAY_MS, ())
    valued = plan.deliver(replace(known, value_minor=plan.random.randrange(*LITTLE_MINOR)))
    _forbid(plan, (ended, at_ms), valued)


def _cancelled(plan: Plan, reason: str | None) -> tuple[str, int]:
    """Some time after a contract that was used; the event and when."""
    term = _in_use(plan, begin_ms(plan, BEGIN_DAYS))
    at_ms = plan.daytime_ms(CANCELLED_DAYS)
    return say(plan, term, "cancelled", at_ms, reason), at_ms


def _in_use(plan: Plan, starts_ms: int) -> Term:
    """A contract until further notice, used in its first weeks."""
    term = sign(plan, PRODUCT, starts_ms, None)
    for days in (2, 15, 40):
        use(plan, term, starts_ms + days * DAY_MS)
    return term


def _expect(plan: Plan, ended: tuple[str, int], wait_ms: int) -> None:
    plan.expect(TRIGGER, ACTION, ended[1] + wait_ms, [ended[0]])


def _forbid(plan: Plan, ended: tuple[str, int], *others: str) -> None:
    plan.forbid(TRIGGER, ACTION, ended[1] + WAIT_MS, [ended[0], *others])


ROLES = (
    *(Role(one.__name__, "retailer", one) for one in (went_for_the_price, moved_away, left_without_a_word)),
    Role(disappointed.__name__, "resort", disappointed),
    *(Role(one.__name__, "retailer", one) for one in (sent_away, wants_no_contact, signed_again, worth_little)),
)
