"""Bookings on a customer's own accounts, turned into movements with the balance after each."""

from operator import attrgetter
from typing import Literal

from msgspec import Struct, field

from agents.demo.personas import CURRENCY
from streams.events import AccountMovement, AccountType

Method = Literal["deposit", "cash", "internal_transfer", "wire_out", "direct_debit", "loan_payment", "fee", "interest"]


class Booking(Struct, frozen=True, kw_only=True):
    """Money that will move on one account; negative when it leaves."""

    id: str
    at_ms: int
    account_type: AccountType
    amount_minor: int
    method: Method
    counterparty_account: str | None = None
    counterparty_bank: str | None = None
    transfer: str | None = None


class Ledger(Struct):
    """The balances of one customer's accounts by type, and what is still to be booked."""

    customer: str
    balances: dict[AccountType, int]
    pending: list[Booking] = field(default_factory=list)

    def book_until(self, until_ms: int) -> list[AccountMovement]:
        """Book what is due before that time, in the order of event time."""
        self.pending.sort(key=attrgetter("at_ms", "id"))
        due = [booking for booking in self.pending if booking.at_ms < until_ms]
        self.pending = self.pending[len(due) :]
        return [self._movement(booking) for booking in due]

    def _movement(self, booking: Booking) -> AccountMovement:
        kind = booking.account_type
        balance = self.balances.get(kind, 0) + booking.amount_minor
        self.balances[kind] = balance
        return AccountMovement(
            id=booking.id,
            customer=self.customer,
            at_ms=booking.at_ms,
            account=f"{self.customer}-{kind}",
            account_type=kind,
            amount_minor=booking.amount_minor,
            currency=CURRENCY,
            balance_after_minor=balance,
            method=booking.method,
            counterparty_account=booking.counterparty_account,
            counterparty_bank=booking.counterparty_bank,
            transfer=booking.transfer,
        )
