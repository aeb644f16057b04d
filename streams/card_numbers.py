r"""Finds payment card numbers in whatever a source sends: a card belongs here as a token only (PCI DSS 3.5.1).

A card number is a run of digits of a length that its network issues, with a network's prefix and a right check digit
(Luhn). It may be grouped by spaces, dashes or dots, escaped (`\u0034`), written in another script's digits, or be a
number of any JSON form. What looks alike and isn't one: UUIDs, hexadecimal ids, IBANs, fractions, phone numbers.
Source: ISO/IEC 7812-1 (Luhn, Annex B), the networks' published prefixes, ISO 13616 (IBAN).
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

Span = tuple[int, int]

_NETWORK = re.compile(
    r"4(?:\d{12}|\d{15,18})"  # Visa; the only one with 13 digits
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|220[0-4]\d{12,15}"  # Mir
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|09|[689]\d)\d{11,16}|35[2-8]\d{13,16}|2131\d{11}"  # Diners Club, JCB
    r"|(?:5[06-9]|6\d)\d{12,17}"  # Maestro, Discover, UnionPay, RuPay
)
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_LAYOUTS = {(4, 6, 5), (4, 6, 4), (4, 4, 5), (6, 10), (6, 9), (6, 13), (6, 6, 4), (8, 8)}

_SEPARATORS = b" -._/\t\r\n"
_SIMPLIFIED = bytearray(range(128)) + b"\\" * 128  # every digit 0, every bracket [, what needs a closer look \
_SIMPLIFIED[ord("0") : ord("9") + 1] = b"0" * 10
_SIMPLIFIED[ord("{")], _SIMPLIFIED[0x7F] = b"[\\"
_LONG_RUN = b"0" * 14  # longer than a time in milliseconds, which is in every record
_THIRTEEN = re.compile(rb"4(?:[ \-._/\t\r\n]{0,3}[0-9]){12}")
BRACKETS_MAX = 64
DIGITS_MIN, DIGITS_MAX = 13, 19
_PHONE_LENGTH = 15  # shorter than this after a plus sign, gaps included, is a phone number (E.164)

_CHAIN = re.compile(r"[0-9](?:[ \-._/\t\r\n]{0,3}[0-9])*+")
_GROUP = re.compile(r"[0-9]+")
_ESCAPE = re.compile(r"\\(?<!\\\\)\\*+u([0-9a-fA-F]{4})")  # lookbehinds come second: a literal is found faster
_ESCAPED_GAP = re.compile(r"\\(?<!\\\\)\\*+[tnr](?=[0-9])")
_FOREIGN = re.compile(r"[^\x01-\x7f]+")
_SCIENTIFIC = re.compile(r"\.(?<=[2-6]\.)(?<![0-9.][2-6]\.)([0-9]{12,18})[eE]\+?(1[2-8])(?![0-9])")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_HEXADECIMAL = r"(?=[0-9]*[a-fA-F])(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32}|[0-9a-fA-F]{24}|[0-9a-fA-F]{16})"
_HARMLESS = re.compile(rf"(?<![0-9A-Za-z])(?:{_UUID}|{_HEXADECIMAL})(?![0-9A-Za-z])")
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?![0-9A-Za-z])"
)


def is_simple(value: bytes) -> bool:
    """Whether a look of half a microsecond is enough: no digits for a card number, no escapes, ASCII, few brackets.

    `value`: any bytes. True says that it holds neither a card number nor, as JSON, a control character, and isn't
    nested more than `BRACKETS_MAX` deep; False says nothing.
    """
    simplified = value.translate(_SIMPLIFIED, _SEPARATORS)
    return (
        b"\\" not in simplified
        and _LONG_RUN not in simplified
        and simplified.count(b"[") <= BRACKETS_MAX
        and _THIRTEEN.search(value) is None
    )


def holds_card_number(value: bytes) -> bool:
    """Whether a card number is anywhere in a record's bytes. What isn't UTF-8 is looked through all the same."""
    text = plain(value.decode(errors="replace"))
    digits = text.encode()
    if _LONG_RUN not in digits.translate(_SIMPLIFIED, _SEPARATORS) and _THIRTEEN.search(digits) is None:
        return False
    return bool(card_spans(text))


def plain(text: str) -> str:
    """The text with digits and separators in their simple forms: no escapes, other scripts or hidden characters.

    Quotes and backslashes stay escaped, so JSON stays JSON.
    """
    if "\\" in text:
        text = _ESCAPED_GAP.sub(" ", _ESCAPE.sub(_unescape, text))
    if not text.isascii() or "\0" in text:
        text = _FOREIGN.sub(_fold_run, text)
    return _SCIENTIFIC.sub(lambda match: match[1].ljust(int(match[2]), "0"), text)


def _unescape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    if character in '"\\' or unicodedata.category(character) == "Cs":
        return match[0]
    return character if character.isprintable() or character > "\x7f" else " "


def _fold_run(match: re.Match[str]) -> str:
    return match[0] if match[0].isalpha() else "".join(map(_fold, match[0]))


def _fold(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    folded = {"Zs": " ", "Zl": " ", "Zp": " ", "Pd": "-", "Cf": "", "Cc": ""}
    return "-" if character == "\N{MINUS SIGN}" else folded.get(category, character)


def card_spans(text: str) -> list[Span]:
    """Where card numbers begin and end in a plain text, in order, without overlap."""
    if next(_candidates(text), None) is None:
        return []
    return list(_candidates(_IBAN.sub(_hide_iban, _HARMLESS.sub(_hide, text))))


def _candidates(text: str) -> Iterator[Span]:
    for chain in _CHAIN.finditer(text):
        start, end = chain.span()
        if end - start >= DIGITS_MIN and not (text[start - 1 : start] == "+" and end - start < _PHONE_LENGTH):
            yield from _spans_of_chain(text, [found.span() for found in _GROUP.finditer(text, start, end)])


def _hide(match: re.Match[str]) -> str:
    return "x" * len(match[0])


def _hide_iban(match: re.Match[str]) -> str:
    """Hides as many groups as form a right IBAN: in free text, a word after it may look like one more group."""
    words = match[0].split(" ")
    for count, compact in reversed(list(enumerate(accumulate(words), start=1))):
        if int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1:
            length = len(" ".join(words[:count]))
            return "x" * length + match[0][length:]
    return match[0]


def _spans_of_chain(text: str, groups: list[Span]) -> Iterator[Span]:
    first = 0
    while first < len(groups):
        last = _last_group_of_card(text, groups, first)
        if last is not None:
            yield groups[first][0], groups[last][1]
            first = last
        first += 1


def _last_group_of_card(text: str, groups: list[Span], first: int) -> int | None:
    start = groups[first][0]
    if first and text[start - 1] == ".":
        return None  # a fraction
    longest, digits = None, ""
    sizes: tuple[int, ...] = ()
    for last in range(first, len(groups)):
        begin, end = groups[last]
        if len(digits) + end - begin > DIGITS_MAX:
            break
        digits, sizes = digits + text[begin:end], (*sizes, end - begin)
        if _NETWORK.fullmatch(digits) and _is_laid_out(sizes, dotted="." in text[start:end]) and is_luhn(digits):
            longest = last
    return longest


def _is_laid_out(sizes: tuple[int, ...], *, dotted: bool) -> bool:
    """Whether people write card numbers in groups like these; dots only in fours, since decimals have them too."""
    even = len(set(sizes[:-1])) <= 1 and sizes[-1] <= sizes[0]
    if dotted:
        return even and sizes[0] == 4  # noqa: PLR2004
    return len(sizes) == 1 or sizes in _LAYOUTS or (even and sizes[0] <= 4)  # noqa: PLR2004


def is_luhn(digits: str) -> bool:
    """Whether the last digit checks the ones before it. Source: ISO/IEC 7812-1, Annex B."""
    backwards = digits[::-1].encode()
    doubled = backwards[1::2].translate(_DOUBLED)
    return (sum(backwards[::2]) - ord("0") * len(backwards[::2]) + sum(doubled)) % 10 == 0
