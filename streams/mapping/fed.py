"""A map that a compacted topic feeds, such as card to customer: the last value of each key."""

from typing import Any

import msgspec
from msgspec import Struct, field

from streams.card_numbers import holds_card_number, is_simple
from streams.intake import CONTROL

LENGTH_MAX = 128


class FedMap(Struct):
    """What is known by now.

    Attributes:
        topic: its records' keys are what is looked up.
        value: where a record's value is a JSON object, the name of what is found in it.
        entries: the same object all along: mappings look into it.
    """

    topic: str
    value: str
    entries: dict[str, str] = field(default_factory=dict)

    def apply(self, key: bytes | None, value: bytes | None) -> bool:
        """Take in a record: a text, a JSON text, or an object; null or nothing removes the key.

        False if it can't be read: what the key meant before may be wrong now, so it means nothing from here on.
        """
        try:
            name = entry(key)
        except ValueError:
            return False
        self.entries.pop(name, None)
        if value in (None, b"", b"null"):
            return True
        try:
            self.entries[name] = entry(self._said(value or b""))
        except (ValueError, RecursionError):
            return False
        return True

    def _said(self, value: bytes) -> bytes:
        if value[:1] not in (b"{", b'"'):
            return value
        found: Any = msgspec.json.decode(value)
        said = found.get(self.value) if isinstance(found, dict) else found
        return (str(said) if type(said) is int else msgspec.convert(said, str)).encode()


def entry(said: bytes | None) -> str:
    """A key or a value, without blanks around it.

    Raises:
        ValueError: it is none: empty, too long, not printable UTF-8, or a card number.
    """
    text = (said or b"").decode().strip()
    if not 0 < len(text) <= LENGTH_MAX or CONTROL.search(text):
        raise ValueError(f"expected 1 to {LENGTH_MAX} printable characters")
    plain = text.encode()
    if not is_simple(plain) and holds_card_number(plain):
        raise ValueError("a card number; expected a token")
    return text
