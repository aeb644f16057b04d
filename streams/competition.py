"""Which of several offers to one customer goes out, and as which offer: the best by risk, value and acceptance."""

from msgspec import Struct

from streams.facts import Facts
from streams.policy import Policy

OTHER = "other"


class Choice(Struct, frozen=True):
    """The best offer that an action allows; `offer` is None for an action without offers.

    `worth_minor` is what making it is expected to keep, in minor units.
    """

    segment: str
    offer: str | None
    acceptance: float
    worth_minor: float


def segment_of(value_minor: int, policy: Policy) -> str:
    """The segment with the highest least value that this value reaches."""
    reached = [(least, name) for name, least in policy.segments.items() if value_minor >= least]
    return max(reached)[1] if reached else OTHER


def best_offer(action: str, risk: float, facts: Facts, policy: Policy) -> Choice:
    """Among the offers of an action the one of most worth: acceptance x (risk x value - cost).

    Ties go to the name that comes first. An offer that costs more than what is at risk is worth less than nothing, and
    may still be the best there is.
    """
    value_minor = facts.worth_minor()
    segment = segment_of(value_minor, policy)
    choices = []
    for name, offer in sorted(policy.offers.get(action, {}).items()):
        acceptance = offer.acceptance.get(segment, policy.acceptance_default)
        choices.append(Choice(segment, name, acceptance, acceptance * (risk * value_minor - offer.cost_minor)))
    acceptance = policy.acceptance_default
    plain = Choice(segment, None, acceptance, acceptance * risk * value_minor)
    return max(choices, key=lambda choice: choice.worth_minor, default=plain)
