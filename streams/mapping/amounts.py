"""Amounts as sources write them, to minor units: exactly, digit by digit, never through a float."""

import re

from streams.mapping.paths import Decimal, Unfit

_WRITTEN = re.compile(
    r"(?P<sign>[-+]?)(?P<whole>\d{1,20})(?:\.(?P<fraction>\d*))?(?:[eE](?P<exponent>[-+]?\d{1,3}))?", re.ASCII
)
_DIGITS_MAX = 40
PLAIN_DIGITS_MAX = 20


def to_integer(found: object, decimals: int, where: str, mark: str = ".") -> int:
    """A number as an integer of so many decimals: `12.3` with 2 is 1230.

    Args:
        found: what JSON has: an int, a `Decimal`, or text.
        decimals: how many the currency has; 0 for what is in minor units already.
        where: the place, for whoever reads the dead letter.
        mark: what stands before the decimals in text.

    Raises:
        Unfit: it is no number, or has more decimals than that (zeros at the end don't count).
    """
    if type(found) is int:
        return int(found * 10**decimals)
    if not isinstance(found, str):
        raise Unfit("wrong_type", f"Expected a number, or text with one - at {where}")
    text = (found if mark == "." or isinstance(found, Decimal) else _pointed(found, mark)).strip()
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if len(fraction) <= decimals and digits.isdecimal() and digits.isascii() and len(digits) <= PLAIN_DIGITS_MAX:
        return int(digits.ljust(len(whole) + decimals, "0"))  # nearly all are as plain as that
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise Unfit("wrong_type", f"Expected a number, as in 12{mark}30, without other signs in it - at {where}")
    return _exactly(written, decimals, where)


def _pointed(text: str, mark: str) -> str:
    """With a point before the decimals; a point that was there before can't be one, and spoils it."""
    return text.replace(".", "?").replace(mark, ".")


def _exactly(written: re.Match[str], decimals: int, where: str) -> int:
    whole, fraction, exponent = written["whole"], (written["fraction"] or "").rstrip("0"), int(written["exponent"] or 0)
    shift = decimals + exponent - len(fraction)
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0
    if shift < 0:
        kept, cut = digits[:shift], digits[shift:].rjust(-shift, "0")
        if cut.strip("0"):
            raise Unfit("too_many_decimals", f"Expected at most {decimals} decimals - at {where}")
        digits = kept
    elif len(digits) + shift > _DIGITS_MAX:
        raise Unfit("number_out_of_range", f"Expected a number of fewer digits - at {where}")
    else:
        digits += "0" * shift
    return int(f"{written['sign']}{digits or 0}")
