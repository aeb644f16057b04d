"""The everyday life of one customer, month by month: what nothing should fire on."""

from collections.abc import Iterator
from random import Random

from agents.demo.background import other_events
from agents.demo.ledger import Booking, Ledger, Method
from agents.demo.personas import CURRENCY, PASSING_MERCHANTS, Merchant, Persona, persona
from agents.demo.plan import Plan
from agents.demo.plants.cards import profile
from agents.demo.plants.savings import SAVING_DAY
from agents.demo.roles import ROLES
from agents.demo.timeline import DAY_MS, HOUR_MS, MINUTE_MS, MONTH_STARTS_MS, START_MS
from streams.events import AccountType, CardStatement, CardTransaction, Event

PURCHASES_MONTHLY_MIN = 8
MORNING_MS = 6 * HOUR_MS
OPEN_MS = 17 * HOUR_MS
# What a purchase is, by a number below 100: each bound ends a range.
TRIFLE_BELOW, NEW_MERCHANT_BELOW, REFUND_BELOW, DECLINED_BELOW = 6, 10, 12, 14


class Life:
    """One customer's events, to be asked for month after month; the plan is laid at birth."""

    def __init__(self, number: int, seed: int) -> None:
        random = Random(f"{seed}/{number}")  # noqa: S311 - made-up data, not secrets
        self.random = random
        role = ROLES[number % len(ROLES)]
        self.persona: Persona = persona(number, role.name, role.industry, random)
        self.plan = Plan(self.persona, random)
        role.plant(self.plan)
        self.ledger = Ledger(self.persona.customer, _balances(self.plan), list(self.plan.bookings))
        self.serial = 0
        self.spent_minor: dict[str, int] = {}

    def identifier(self, letter: str) -> str:
        """The next id of an everyday event."""
        self.serial += 1
        return f"{self.persona.customer}-{letter}{self.serial}"

    def month(self, month: int) -> list[Event]:
        """All events of a month but the planted deliveries, in no order."""
        start_ms, end_ms = MONTH_STARTS_MS[month], MONTH_STARTS_MS[month + 1]
        events: list[Event] = []
        if month == 0:
            events.append(self._first_profile())
        if self.persona.industry == "bank":
            events += self._statements(start_ms)
            events += self._purchases(start_ms, (end_ms - start_ms) // DAY_MS)
            self._book_habits(month, start_ms)
        events += self.ledger.book_until(end_ms)
        events += other_events(self.plan, self.random, month, self.identifier)
        return events

    def _first_profile(self) -> Event:
        at_ms = START_MS + self.random.randrange(HOUR_MS)
        return profile(self.plan, self.identifier("p"), at_ms, self.persona.cards)

    def _purchases(self, start_ms: int, days: int) -> Iterator[CardTransaction]:
        """Many small and usual ones, and the big shopping of the month, at a merchant that is known by then."""
        random = self.random
        cards, merchants, usual_minor = self.persona.cards, self.persona.merchants, self.persona.usual_minor
        for _ in range(PURCHASES_MONTHLY_MIN + random.getrandbits(8) % 3):
            bits = random.getrandbits(96)
            at_ms = start_ms + (bits & 0xFFFF) % days * DAY_MS + MORNING_MS + ((bits >> 16) & 0xFFFFFFFF) % OPEN_MS
            kind, size = (bits >> 48 & 0xFFFF) % 100, (bits >> 64 & 0xFFFF)
            amount_minor = usual_minor * (40 + size % 131) // 100
            shop = merchants[1 + (bits >> 80) % (len(merchants) - 1)]
            if kind < TRIFLE_BELOW and not _within(at_ms, self.plan.trifles_paused_ms):
                amount_minor, shop = 150 + size % 340, merchants[0]
            elif TRIFLE_BELOW <= kind < NEW_MERCHANT_BELOW:
                number = PASSING_MERCHANTS[0] + size % (PASSING_MERCHANTS[1] - PASSING_MERCHANTS[0])
                shop = Merchant(f"merchant-{number}", "5999", shop.country)
            card = cards[0] if bits >> 88 & 3 else cards[-1]
            if not _within(at_ms, self.plan.cards_unused_ms):
                yield self._purchase(at_ms, card, amount_minor, shop, kind)
        percent = random.randrange(90, 170) if start_ms == START_MS else random.randrange(350, 600)
        at_ms = start_ms + random.randrange(1, 27) * DAY_MS + 10 * HOUR_MS
        if not _within(at_ms, self.plan.cards_unused_ms):
            yield self._purchase(at_ms, cards[0], usual_minor * percent // 100, merchants[-1], 99)

    def _purchase(self, at_ms: int, card: str, amount_minor: int, shop: Merchant, kind: int) -> CardTransaction:
        card = self._card_at(card, at_ms)
        is_refund = NEW_MERCHANT_BELOW <= kind < REFUND_BELOW
        approved = not REFUND_BELOW <= kind < DECLINED_BELOW
        if approved:
            self.spent_minor[card] = self.spent_minor.get(card, 0) + (-amount_minor if is_refund else amount_minor)
        return CardTransaction(
            id=self.identifier("t"),
            customer=self.persona.customer,
            at_ms=at_ms,
            card=card,
            amount_minor=amount_minor,
            currency=CURRENCY,
            merchant=shop.name,
            merchant_category_code=shop.category_code,
            merchant_country=shop.country,
            card_present=kind & 1 == 0,
            approved=approved,
            kind="refund" if is_refund else "purchase",
        )

    def _card_at(self, card: str, at_ms: int) -> str:
        replaced = self.plan.card_replaced
        return replaced[1] if replaced and at_ms >= replaced[0] and card == self.persona.cards[0] else card

    def _statements(self, start_ms: int) -> Iterator[CardStatement]:
        """Close last month's card periods, and have what is paid taken from checking."""
        for card, closing_minor in self.spent_minor.items():
            owed_minor = max(closing_minor, 0)
            paid_minor = owed_minor if self.persona.pays_in_full else owed_minor // 4
            yield CardStatement(
                id=self.identifier("s"),
                customer=self.persona.customer,
                at_ms=start_ms + 7 * HOUR_MS,
                card=card,
                closing_balance_minor=closing_minor,
                paid_minor=paid_minor,
                currency=CURRENCY,
                period_from_ms=MONTH_STARTS_MS[MONTH_STARTS_MS.index(start_ms) - 1],
                period_to_ms=start_ms,
            )
            self._book("checking", -paid_minor, "direct_debit", start_ms + 3 * DAY_MS)
        self.spent_minor = {}

    def _book_habits(self, month: int, start_ms: int) -> None:
        who = self.persona
        self._book("checking", -who.salary_minor * 3 // 10, "direct_debit", start_ms + 9 * HOUR_MS)
        self._book("checking", who.salary_minor, "deposit", start_ms + (SAVING_DAY - 1) * DAY_MS)
        if who.savings is None:
            return
        if who.savings.monthly_minor:
            self._save(who.savings.monthly_minor, start_ms + SAVING_DAY * DAY_MS)
        if month % 3 == 2:  # noqa: PLR2004 - the last month of a quarter
            interest_minor = self.ledger.balances.get("savings", 0) // 400
            self._book("savings", interest_minor, "interest", start_ms + 27 * DAY_MS)
        if who.role == "plain" and self.random.randrange(10) == 0:  # some money back for everyday life
            small_minor = self.ledger.balances.get("savings", 0) * self.random.randrange(3, 9) // 100
            self._save(-small_minor, start_ms + self.random.randrange(3, 20) * DAY_MS)

    def _save(self, amount_minor: int, at_ms: int) -> None:
        """Move money from checking to savings, or back where the amount is negative."""
        transfer, account = self.identifier("r"), self.persona.account
        at_ms += self.random.randrange(8 * HOUR_MS)
        later_ms = at_ms + self.random.randrange(10 * MINUTE_MS)
        legs: tuple[tuple[AccountType, int, int, AccountType], ...] = (
            ("checking", -amount_minor, at_ms, "savings"),
            ("savings", amount_minor, later_ms, "checking"),
        )
        for own, minor, leg_ms, other in legs:
            other_side = {"counterparty_account": account(other), "transfer": transfer}
            self._book(own, minor, "internal_transfer", leg_ms, **other_side)

    def _book(
        self, account_type: AccountType, amount_minor: int, method: Method, at_ms: int, **other_side: str
    ) -> None:
        self.ledger.pending.append(
            Booking(
                id=self.identifier("m"),
                at_ms=at_ms,
                account_type=account_type,
                amount_minor=amount_minor,
                method=method,
                **other_side,
            )
        )


def _within(at_ms: int, span_ms: tuple[int, int]) -> bool:
    return span_ms[0] <= at_ms < span_ms[1]


def _balances(plan: Plan) -> dict[AccountType, int]:
    """Balances at the start; a loan that will be paid off is as large as the payment."""
    who = plan.persona
    paid_off_minor = sum(one.amount_minor for one in plan.bookings if one.account_type == "loan")
    return {
        "checking": who.salary_minor,
        "savings": who.savings.start_minor if who.savings else 0,
        "loan": -paid_off_minor,
    }
