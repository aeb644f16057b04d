"""Contracts for plants: signed, used and renewed, in terms of calendar months by the customer's own clock."""

from typing import NamedTuple

from agents.demo.personas import CURRENCY
from agents.demo.plan import Plan
from agents.demo.timeline import DAY_MS, HOUR_MS
from streams.calendar import add_months, local, period_ms
from streams.events import Contract, Usage

MONTH_END_ONE_IN = 4
RUN_OUT_MS = 44 * DAY_MS  # two weeks in which it may still be renewed, and a month's wait


class Term(NamedTuple):
    """A term of a contract, and the id of the event that began it; `ends_at_ms` None: until further notice."""

    contract: str
    product: str
    starts_at_ms: int
    ends_at_ms: int | None
    price_minor: int
    event: str = ""

    @property
    def until_ms(self) -> int:
        """The end; ValueError without one."""
        if self.ends_at_ms is None:
            raise ValueError(f"{self.contract} has no end")
        return self.ends_at_ms


def begin_ms(plan: Plan, days: tuple[int, int]) -> int:
    """The start of some day by the customer's clock; one in four is the last day of its month."""
    zone, at_ms = plan.persona.time_zone, plan.daytime_ms(days)
    if plan.random.randrange(MONTH_END_ONE_IN) == 0:
        _, next_month_ms = period_ms(at_ms, zone, "month")
        at_ms = next_month_ms - HOUR_MS
    return period_ms(at_ms, zone, "day")[0]


def sign(plan: Plan, product: str, starts_at_ms: int, months: int | None) -> Term:
    """Sign a contract some days before its first term, of so many months or until further notice, starts."""
    signed_ms = starts_at_ms - plan.random.randrange(DAY_MS, 10 * DAY_MS)
    contract = f"{plan.persona.customer}-{product}-{local(starts_at_ms, plan.persona.time_zone):%y%m}"
    ends_at_ms = None if months is None else add_months(starts_at_ms, months, plan.persona.time_zone)
    return _begin(plan, "signed", signed_ms, Term(contract, product, starts_at_ms, ends_at_ms, _price_minor(plan)))


def renew(plan: Plan, term: Term, at_ms: int, months: int) -> Term:
    """Renew a term for so many months from its end."""
    starts_at_ms = term.until_ms
    ends_at_ms = add_months(starts_at_ms, months, plan.persona.time_zone)
    following = Term(term.contract, term.product, starts_at_ms, ends_at_ms, _price_minor(plan))
    return _begin(plan, "renewed", at_ms, following)


def say(plan: Plan, term: Term, status: str, at_ms: int, reason: str | None = None) -> str:
    """Plant another word on a contract, such as that it was `cancelled`, and return its id."""
    names = {"contract": term.contract, "product": term.product}
    return plan.happen(Contract, at_ms, status=status, reason=reason, **names)


def run_out(plan: Plan, term: Term) -> None:
    """Let a term end without a word; after a while, an offer to come back is due."""
    plan.expect("win_back", "win_back_offer", term.until_ms + RUN_OUT_MS, [term.event])


def use(plan: Plan, term: Term, at_ms: int, score: int | None = None) -> str:
    """Use what the contract is about."""
    return plan.happen(Usage, at_ms, product=term.product, score=score)


def _begin(plan: Plan, status: str, at_ms: int, term: Term) -> Term:
    said = {**term._asdict(), "status": status, "currency": CURRENCY}
    del said["event"]
    return term._replace(event=plan.happen(Contract, at_ms, **said))


def _price_minor(plan: Plan) -> int:
    return plan.random.randrange(20, 600) * 100
