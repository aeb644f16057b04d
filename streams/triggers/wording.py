"""Words that triggers share: amounts and lengths of time, as a person writes them."""

# ISO 4217, the currencies in use whose minor unit isn't a hundredth
_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_UNITS = (("day", DAY_MS), ("hour", HOUR_MS), ("minute", MINUTE_MS))


def money(amount_minor: int, currency: str) -> str:
    """An amount with its currency, as in `1234.50 EUR`; without a sign for zero and above."""
    decimals = _DECIMALS.get(currency, 2)
    sign, amount_minor = ("-", -amount_minor) if amount_minor < 0 else ("", amount_minor)
    whole, part = divmod(amount_minor, 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d} {currency}" if decimals else f"{sign}{whole} {currency}"


def length(duration_ms: int) -> str:
    """A length of time in its two-digit unit: `90 minutes`, `3 hours` from two hours on, `2 days` from two days on."""
    name, unit_ms = next((one for one in _UNITS if duration_ms >= 2 * one[1]), _UNITS[-1])
    return counted(duration_ms // unit_ms, name)


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 minute`, `2 minutes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
