"""Where money goes that leaves an account, as far as a booking tells."""

from collections.abc import Mapping

from streams.events import AccountMovement, AccountType

OWN: dict[AccountType, str] = {
    "checking": "checking",
    "cd": "cd_or_fund",
    "fund": "cd_or_fund",
    "loan": "debt",
    "card": "debt",
    "savings": "savings",
}
DESTINATIONS = ("wired", "unknown", "cash", "checking", "cd_or_fund", "debt", "savings")


def destination_of(movement: AccountMovement, own_accounts: Mapping[str, AccountType]) -> str:
    """One of `DESTINATIONS`, from the giving side alone; the receiving side of a transfer knows better."""
    if own := own_accounts.get(movement.counterparty_account or ""):
        return OWN[own]
    if movement.method == "wire_out" or movement.counterparty_bank:
        return "wired"
    return {"cash": "cash", "loan_payment": "debt"}.get(movement.method, "unknown")
