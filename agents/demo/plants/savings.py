"""Planted drops of a savings balance, by where the money goes, and what only looks like one."""

from agents.demo.personas import Savings
from agents.demo.plan import Plan, Role
from agents.demo.timeline import DAY_MS, DROP_PLANT_DAYS, HOUR_MS, day_ms
from streams.events import AccountType

TRIGGER = "balance_drop"
ACTION_OF_ROLE = {
    "to_checking": "loan_offer",
    "wired_out": "adviser_call",
    "to_cash": "relationship_call",
    "to_unknown": "relationship_call",
    "to_cd": "acknowledge",
    "to_fund": "acknowledge",
}
OWN_ACCOUNT_OF_ROLE: dict[str, AccountType] = {
    "to_checking": "checking",
    "to_cd": "cd",
    "to_fund": "fund",
    "loan_paid_off": "loan",
    "came_back": "checking",
}
BANKS = ("NORDBANK", "ALPENBANK", "SEASIDE BROKERS")
SAVING_DAY = 24  # of the month, counted from 0
TAX_SHARE_PERCENT = 80
DRAWN_DOWN_TIMES = 12


def plant(plan: Plan) -> None:
    """Plant what the customer's role asks for."""
    savings = plan.persona.savings
    if savings is None:
        raise ValueError(f"{plan.persona.role} is a role of somebody who saves")
    at_ms = plan.daytime_ms(DROP_PLANT_DAYS)
    amount_minor = balance_minor(savings, at_ms) * plan.random.randrange(78, 92) // 100
    role = plan.persona.role
    if role == "partly":
        amount_minor = amount_minor * 2 // 5
    if role == "split":
        _split(plan, at_ms, amount_minor)
    elif role == "came_back":
        _came_back(plan, at_ms, amount_minor)
    elif role == "yearly_tax":
        _yearly_tax(plan, savings)
    elif role == "drawn_down":
        _drawn_down(plan, savings)
    elif role == "no_consent":  # the trigger speaks, the arbiter doesn't let it out
        plan.expect(TRIGGER, "adviser_call", at_ms, [_out(plan, "wired_out", at_ms, amount_minor)])
    elif role in ("small_average", "partly"):
        plan.forbid(TRIGGER, "adviser_call", at_ms, [_out(plan, "wired_out", at_ms, amount_minor)])
    elif role == "loan_paid_off":
        events = _to_own(plan, "loan", at_ms, amount_minor)
        plan.forbid(TRIGGER, "loan_offer", at_ms, events)
    else:
        own = OWN_ACCOUNT_OF_ROLE.get(role)
        events = _to_own(plan, own, at_ms, amount_minor) if own else [_out(plan, role, at_ms, amount_minor)]
        plan.expect(TRIGGER, ACTION_OF_ROLE[role], at_ms, events)


def balance_minor(savings: Savings, at_ms: int) -> int:
    """What lies on the savings account at that time at least: the start and one saving a month of 31 days."""
    return savings.start_minor + savings.monthly_minor * ((at_ms - day_ms(SAVING_DAY)) // (31 * DAY_MS))


def _to_own(plan: Plan, own: AccountType, at_ms: int, amount_minor: int, *, back: bool = False) -> list[str]:
    """Both legs of a transfer from savings to another own account, or back; the second up to hours away, either way."""
    transfer = plan.identifier()
    apart_ms = plan.random.randrange(-5 * HOUR_MS, 5 * HOUR_MS)
    sign = 1 if back else -1
    account = plan.persona.account
    savings_leg = plan.book(
        "savings",
        sign * amount_minor,
        "internal_transfer",
        at_ms,
        counterparty_account=account(own),
        transfer=transfer,
    )
    other_leg = plan.book(
        own,
        -sign * amount_minor,
        "loan_payment" if own == "loan" else "internal_transfer",
        at_ms + apart_ms,
        counterparty_account=account("savings"),
        transfer=transfer,
    )
    return [savings_leg, other_leg] if apart_ms >= 0 else [other_leg, savings_leg]


def _out(plan: Plan, role: str, at_ms: int, amount_minor: int) -> str:
    """Money that leaves the bank, or whose other leg never shows."""
    if role == "to_cash":
        return plan.book("savings", -amount_minor, "cash", at_ms)
    if role == "to_unknown":
        return plan.book("savings", -amount_minor, "internal_transfer", at_ms, transfer=plan.identifier())
    return plan.book(
        "savings",
        -amount_minor,
        "wire_out",
        at_ms,
        counterparty_account=f"elsewhere-{plan.random.randrange(10_000)}",
        counterparty_bank=plan.random.choice(BANKS),
    )


def _split(plan: Plan, at_ms: int, amount_minor: int) -> None:
    """Two flows within a day; the larger one decides, whichever comes first."""
    wired_percent = plan.random.choice((42, 58))
    wired_minor = amount_minor * wired_percent // 100
    later_ms = at_ms + plan.random.randrange(HOUR_MS, 20 * HOUR_MS)
    wired_ms, kept_ms = plan.random.choice(((at_ms, later_ms), (later_ms, at_ms)))
    events = [_out(plan, "wired_out", wired_ms, wired_minor)]
    events += _to_own(plan, "checking", kept_ms, amount_minor - wired_minor)
    action = "adviser_call" if wired_percent > 50 else "loan_offer"  # noqa: PLR2004 - half
    plan.expect(TRIGGER, action, later_ms, events)


def _came_back(plan: Plan, at_ms: int, amount_minor: int) -> None:
    back_ms = at_ms + plan.random.randrange(11 * HOUR_MS, 40 * HOUR_MS)
    events = _to_own(plan, "checking", at_ms, amount_minor)
    events += _to_own(plan, "checking", back_ms, amount_minor, back=True)
    plan.forbid(TRIGGER, "loan_offer", at_ms, events)


def _yearly_tax(plan: Plan, savings: Savings) -> None:
    """Once when nothing can be judged yet, and the same a year later."""
    first_ms = day_ms(plan.random.randrange(26, 50)) + 9 * HOUR_MS
    amount_minor = savings.start_minor * TAX_SHARE_PERCENT // 100
    again_minor = amount_minor * plan.random.randrange(98, 103) // 100
    events = [
        plan.book("savings", -minor, "wire_out", at_ms, counterparty_account="tax-office", counterparty_bank="TREASURY")
        for at_ms, minor in ((first_ms, amount_minor), (first_ms + 365 * DAY_MS, again_minor))
    ]
    plan.forbid(TRIGGER, "adviser_call", first_ms + 365 * DAY_MS, events)


def _drawn_down(plan: Plan, savings: Savings) -> None:
    """A twentieth of the start every two weeks: much in the end, at no time sudden."""
    first_ms = day_ms(plan.random.randrange(150, 200)) + 9 * HOUR_MS
    times_ms = [first_ms + 14 * DAY_MS * time for time in range(DRAWN_DOWN_TIMES)]
    events = [_out(plan, "wired_out", at_ms, savings.start_minor // 20) for at_ms in times_ms]
    plan.forbid(TRIGGER, "adviser_call", times_ms[-1], events)


ROLES = tuple(
    Role(name, "bank", plant)
    for name in (
        *("to_checking", "wired_out", "to_cash", "to_unknown", "to_cd", "to_fund", "loan_paid_off"),
        *("split", "came_back", "yearly_tax", "drawn_down", "small_average", "no_consent", "partly"),
    )
)
