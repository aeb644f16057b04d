"""The currencies of ISO 4217, from the library that keeps up with the standard."""

from iso4217 import Currency

CURRENCIES: frozenset[str] = frozenset(currency.code for currency in Currency)
