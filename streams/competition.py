"""Which of several offers to one customer goes out, and as which offer: the best by risk, value and acceptance.

The risk is the share that the signal of the offer's own trigger has in all that the customer's signals say now: an
offer can avert what it answers, and no more. One rule chooses the winner and its offer, and each decision shows what it
went by: `risk_shares`, `value_minor`, `acceptance`. Source: docs/decisions/0006-offers-compete.md.
"""

from msgspec import Struct

from streams.facts import Facts
from streams.policy import Policy
from streams.remember import shares
from streams.state import Proposal

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


def choose(proposal: Proposal, several: dict[str, float], facts: Facts, policy: Policy) -> Choice:
    """The best offer for a proposal, by its trigger's share of these risks; a proposal that saw no risk has none."""
    share = shares(several).get(proposal.trigger, 0.0) if proposal.candidate.risk else 0.0
    return best_offer(proposal.candidate.action, share, facts, policy)


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
