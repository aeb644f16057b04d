"""Records that no event can be made of, mixed in among the good ones so that dead letters have something to show."""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from agents.demo.generator import SourceRecord
from streams.dead_letters import Reason

POISON_COUNT = 96
TEST_CARD_NUMBER = "4111 1111 1111 1111"  # the card schemes' own test number: nobody's
Spoil = Callable[[bytes], bytes]

# What a source does wrong, by the reason that the intake must give.
SPOILERS: dict[Reason, Spoil] = {
    "not_json": lambda value: value[: len(value) // 2],
    "missing_field": lambda value: value.replace(b'"customer":', b'"client":', 1),
    "card_number": lambda value: _with_field(value, f'"note":"{TEST_CARD_NUMBER}"'.encode()),
    "not_finite": lambda value: _with_field(value, b'"score":NaN'),
    "wrong_event_type": lambda value: value.replace(b'"type":"', b'"type":"old_', 1),
    "schema_registry_framing": lambda value: b"\x00\x00\x00\x00\x07" + value,
    "invalid_utf8": lambda value: _with_field(value, b'"note":"caf\xe9"'),
    "empty": lambda _: b"",
}


class Poisoned:
    """Records with about `POISON_COUNT` unreadable ones among them: spoilt copies of a good neighbour.

    Attributes:
        reasons: how many went out so far, by the reason that each must get.
    """

    def __init__(self, records: Iterator[SourceRecord], events: int) -> None:
        self.reasons: Counter[str] = Counter()
        self._records = records
        self._every = max(1, events // POISON_COUNT)

    def __iter__(self) -> Iterator[SourceRecord]:
        """Once only: the good records can't be had again."""
        for number, record in enumerate(self._records, start=1):
            yield record
            if number % self._every == 0:
                yield self._spoilt(record)

    def _spoilt(self, record: SourceRecord) -> SourceRecord:
        reasons = tuple(SPOILERS)
        reason = reasons[self.reasons.total() % len(reasons)]
        self.reasons[reason] += 1
        value = msgspec.Raw(SPOILERS[reason](bytes(record.value)))
        return SourceRecord(record.topic, record.key, value, record.timestamp)


def _with_field(value: bytes, field: bytes) -> bytes:
    """One more field at the end of an object."""
    return value[:-1] + b"," + field + b"}"
