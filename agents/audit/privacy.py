"""Nothing on our topics that must not be there: card numbers, and whatever was planted to be looked for.

msgpack is looked at as JSON: in its own bytes a length or a small number next to a text may look like a digit of it.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct, field

from agents.audit.findings import Findings
from agents.audit.log import Records
from agents.unit_of_work import Place
from streams import topics
from streams.card_numbers import holds_card_number

MSGPACK = frozenset((topics.JOURNAL.name, topics.CHANGELOG.name))
BETWEEN = b"|"  # no separator of a card number's groups


class Privacy(Struct):
    """Findings; a hit is told by its place and never quoted."""

    canaries: re.Pattern[bytes] | None = None
    records: int = 0
    found: Findings = field(default_factory=Findings)

    def scan(self, place: Place, records: Records) -> None:
        """Look through key, headers and value of each record."""
        self.records += len(records)
        for record in records:
            parts = list(_parts(place.topic, record))
            if any(map(holds_card_number, parts)):
                self._add("a card number", place, record)
            if self.canaries is not None and any(map(self.canaries.search, (*parts, record.value or b""))):
                self._add("a canary", place, record)

    def _add(self, what: str, place: Place, record: ConsumerRecord) -> None:
        self.found.add(f"{what}: {place.topic}, partition {place.partition}, offset {record.offset}")


def pattern(canaries: Sequence[bytes]) -> re.Pattern[bytes] | None:
    """What finds any of these; fast if they begin alike."""
    return re.compile(b"|".join(map(re.escape, canaries))) if canaries else None


def _parts(topic: str, record: ConsumerRecord) -> Iterator[bytes]:
    envelope = [record.key or b"", *(part for name, value in record.headers for part in (name.encode(), value or b""))]
    yield BETWEEN.join(envelope)
    if topic in MSGPACK:
        yield from _as_json(topic, record.value or b"")
    else:
        yield record.value or b""


def _as_json(topic: str, value: bytes) -> Iterator[bytes]:
    """The value as JSON; of a journal entry, bytes in it (a config version's content) as they are."""
    try:
        decoded = msgspec.msgpack.decode(value)
        yield msgspec.json.encode(decoded)
    except (msgspec.MsgspecError, TypeError, RecursionError):
        yield value
    else:
        if topic == topics.JOURNAL.name and isinstance(decoded, list):
            yield from (part for part in decoded if isinstance(part, bytes))
