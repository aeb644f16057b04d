"""Decisions and actions, held against what the oracle makes of the journal; a partition at a time, as digests."""

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from agents.audit.findings import Findings
from agents.audit.log import Records
from agents.unit_of_work import Place
from agents.verify import Published, as_published

DIGEST_BYTES = 16


class Seen(NamedTuple):
    """A record in short: its id (empty if it has none) and a digest of its key, value and headers."""

    id: bytes
    digest: bytes


def seen(record: Published) -> Seen:
    """A record in short."""
    digest = blake2b(msgspec.msgpack.encode(record), digest_size=DIGEST_BYTES).digest()
    return Seen(dict(record.headers).get("ce_id", b""), digest)


class Outputs(Struct):
    """Findings about outputs; `live` and `there` have the places that are being looked at, in order and as a set.

    Attributes:
        published: committed records, by topic.
        uncommitted: records that a reader of uncommitted records gets.
        removed: what the oracle makes, but retention has removed since.
    """

    published: Counter[str] = field(default_factory=Counter)
    uncommitted: int = 0
    removed: int = 0
    content: Findings = field(default_factory=Findings)
    repeats: Findings = field(default_factory=Findings)
    order: Findings = field(default_factory=Findings)
    live: dict[Place, list[Seen]] = field(default_factory=dict)
    there: dict[Place, set[Seen]] = field(default_factory=dict)
    ids: dict[str, set[bytes]] = field(default_factory=dict)

    def take(self, place: Place, records: Records) -> None:
        """Committed records, as they are read."""
        self.published[place.topic] += len(records)
        ids = self.ids.setdefault(place.topic, set())
        live, there = self.live.setdefault(place, []), self.there.setdefault(place, set())
        for record in records:
            one = seen(as_published(record))
            live.append(one)
            there.add(one)
            if one.id in ids:
                self.repeats.add(f"{_told(one)} again: {_where(place)}, offset {record.offset}")
            elif one.id:
                ids.add(one.id)

    def take_uncommitted(self, place: Place, records: Records) -> None:
        """The same place for readers of uncommitted records: by id, they must end up with the same."""
        committed = self.there.get(place, set())
        self.uncommitted += len(records)
        for record in records:
            one = seen(as_published(record))
            if one not in committed:
                self.repeats.add(f"{_told(one)} in an aborted transaction only: {_where(place)}")

    def compare(self, place: Place, made: list[Seen], *, is_cut: bool) -> None:
        """All of a place was read; `made` is the oracle's. `is_cut`: retention has removed the place's oldest."""
        live, there = self.live.pop(place, []), self.there.pop(place, set())
        if is_cut:
            made = self._without_removed(there, made)
        for one in (Counter(made) - Counter(live)).elements():
            self.content.add(f"{_told(one)} missing: {_where(place)}")
        known = set(made)
        for one in live:
            if one not in known:
                self.content.add(f"{_told(one)} never decided: {_where(place)}")
        pairs = zip(_common(live, known), _common(made, there), strict=True)
        if moved := next((first for first, second in pairs if first != second), None):
            self.order.add(f"{_told(moved)} out of order: {_where(place)}")

    def _without_removed(self, there: set[Seen], made: list[Seen]) -> list[Seen]:
        first = next((number for number, one in enumerate(made) if one in there), len(made))
        self.removed += first
        return made[first:]


def _common(records: Iterable[Seen], others: set[Seen]) -> Iterator[Seen]:
    """Each record that the others have too, where it comes first."""
    return (one for one in dict.fromkeys(records) if one in others)


def _told(one: Seen) -> str:
    return one.id.decode(errors="replace") or "a record without an id"


def _where(place: Place) -> str:
    return f"{place.topic}, partition {place.partition}"
