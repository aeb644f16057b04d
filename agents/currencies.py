"""The currencies of ISO 4217, from the library that keeps up with the standard."""

from iso4217 import Currency

CURRENCIES: frozenset[str] = frozenset(currency.code for currency in Currency)
# How many decimals each has in major units: JPY 0, EUR 2, KWD 3. Those without minor units (gold, funds) aren't in it.
DECIMALS: dict[str, int] = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
