"""Takes card numbers and secrets out of a record that couldn't be read, so that a dead letter can be kept and shown.

Card numbers keep their last four digits. Values of fields named like a CVV, PIN, password, secret or track data are
replaced whole (PCI DSS 3.3.1: never kept after authorisation). It works on any text, JSON or not; where it can't tell
the end of a secret, the rest of the text goes.
"""

import json
import re

from streams.card_numbers import card_spans, plain

_NAMES = (
    r"cvv|cvc|cvn|cav2|csc(?![a-z])|security[-_ ]?code|pass[-_ ]?word|passwd|pwd|pass[-_ ]?phrase|pass[-_ ]?code|secret"
    r"|track[-_ ]?(?:[123]|data|one|two)|mag(?:netic)?[-_ ]?stripe|pin[-_ ]?block"
    r"|(?<![a-z])pin(?![a-z])|(?-i:(?<=[a-z])Pin(?![a-z]))|(?-i:(?<![A-Za-z])pin(?=[A-Z]))"
)
_SECRET = re.compile(
    rf"(?:{_NAMES})[\w-]*+(?:\\*+[\"']?\s*[:=>]\s*|\s+(?=[0-9]{{3,8}}\b))", re.IGNORECASE
)  # a name up to its value: `"cvv":`, `\"cvv\": `, `cvv=`, `<cvv>`, `CVV 123`
_LOOSE_VALUE = re.compile(r"\\+\"(?:(?!\\+\").)*+|'[^']*|[^\"'\\,;&<}\]\r\n]*", re.DOTALL)
_CUTTABLE = "0123456789 -._/\\u\ufffd\t\r\n"  # what the last card number of a cut text may end in
_read_value = json.JSONDecoder(strict=False).raw_decode
_ALL_BUT_LAST_FOUR = re.compile(r"[0-9](?=(?:[^0-9]*[0-9]){4})")


def masked(value: bytes, size_bytes_max: int) -> bytes:
    """The value without card numbers and secrets, cut to a size.

    Args:
        value: any bytes; what isn't UTF-8 becomes the replacement character.
        size_bytes_max: more is cut, together with digits at the cut: they may be half of a card number.
    """
    text = plain(value[:size_bytes_max].decode(errors="replace"))
    if len(value) > size_bytes_max:
        text = text.rstrip(_CUTTABLE)
    return _mask_cards(_mask_secrets(text)).encode()[:size_bytes_max].decode(errors="ignore").encode()


def _mask_cards(text: str) -> str:
    parts, done = [], 0
    for start, end in card_spans(text):
        parts += [text[done:start], _ALL_BUT_LAST_FOUR.sub("*", text[start:end])]
        done = end
    return "".join((*parts, text[done:]))


def _mask_secrets(text: str) -> str:
    parts, done = [], 0
    while found := _SECRET.search(text, done):
        quoted = text[found.end() : found.end() + 1] in {'"', "[", "{"}
        parts += [text[done : found.end()], '"***"' if quoted else "***"]
        done = _end_of_value(text, found.end(), is_json=quoted)
    return "".join((*parts, text[done:]))


def _end_of_value(text: str, start: int, *, is_json: bool) -> int:
    if is_json:
        try:
            return int(_read_value(text, start)[1])
        except (ValueError, RecursionError):
            return len(text)
    loose = _LOOSE_VALUE.match(text, start)
    return loose.end() if loose else start
