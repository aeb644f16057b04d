"""Kafka as lists in memory: transactions, epochs, committed offsets, and what a reader of committed records may see.

As on a broker, a commit is decided first, and becomes visible place by place after that: each place gets a marker,
which takes up an offset. Until it is there, the transaction's records hide what follows them.
"""

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Literal

from aiokafka.errors import ProducerFenced
from aiokafka.structs import OffsetAndMetadata
from msgspec import Struct, field

from agents.unit_of_work import Place, Record
from tests.simulation.sources import COUNTS

PAST_MS = 1_767_571_200_000


class Transaction(Struct, eq=False):
    """What a producer did between begin and end.

    Attributes:
        unmarked: places that wait for their marker; None is that of the positions.
    """

    owner: str
    state: Literal["open", "committed", "aborted"] = "open"
    positions: dict[tuple[str, Place], int] = field(default_factory=dict)
    notes: dict[tuple[str, Place], str] = field(default_factory=dict)
    unmarked: list[Place | None] = field(default_factory=list)


class Stored(Struct, eq=False):
    """A record on the log; a marker has neither key nor value."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    transaction: Transaction | None = None
    is_marker: bool = False


class Cluster:
    """The log of everybody.

    Attributes:
        backwards: committed offsets that went back, in words.
        counts: partitions of each source topic.
        ends: the last stable offsets: where the first record stands that isn't decided, or will.
        on_visible: called whenever there is more to read.
    """

    def __init__(self, chance: Random, trace: Callable[[str], object] | None = None) -> None:
        self.counts = dict(COUNTS)
        self.places: dict[Place, list[Stored]] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.positions: dict[tuple[str, Place], int] = {}
        self.notes: dict[tuple[str, Place], str] = {}
        self.backwards: list[str] = []
        self.settling: list[Transaction] = []
        self.on_visible: Callable[[], None] = lambda: None
        self._hidden: dict[Place, dict[Transaction, int]] = {}
        self._epochs: dict[str, int] = {}
        self._current: dict[str, Transaction] = {}
        self._chance = chance
        self._trace = trace

    def fence(self, owner: str) -> int:
        """A new producer of this transactional id: older ones can do nothing more. Returns its epoch."""
        self._abort(owner)
        self._epochs[owner] = self._epochs.get(owner, -1) + 1
        self._say("fence", owner, self._epochs[owner])
        return self._epochs[owner]

    def expire(self, owner: str) -> None:
        """The transaction took too long: it is aborted, and its producer may not go on."""
        if owner in self._current:
            self._abort(owner)
            self._epochs[owner] += 1
            self._say("expire", owner)

    def append(self, owner: str, epoch: int, place: Place, records: Iterable[Record]) -> None:
        """Add records to the producer's transaction, which opens with the first of them.

        Raises:
            ProducerFenced: there is a newer producer of this id, or the transaction took too long.
        """
        transaction = self._transaction(owner, epoch)
        log = self.places.setdefault(place, [])
        if place not in transaction.unmarked:
            transaction.unmarked.append(place)
            self._hidden.setdefault(place, {})[transaction] = len(log)
        for record in records:
            log.append(Stored(len(log), PAST_MS, record.key, record.value, tuple(record.headers), transaction))
        self._say("append", owner, *place, "up to", len(log))

    def append_alone(self, place: Place, record: Record, at_ms: int = PAST_MS) -> int:
        """A record outside of any transaction; returns its offset."""
        log = self.places.setdefault(place, [])
        log.append(Stored(len(log), at_ms, record.key, record.value, tuple(record.headers)))
        self._look(place)
        return len(log) - 1

    def add_positions(self, owner: str, epoch: int, group: str, positions: Mapping[Place, OffsetAndMetadata]) -> None:
        """Input positions, and notes, that become the group's when the transaction is committed."""
        transaction = self._transaction(owner, epoch)
        transaction.positions |= {(group, place): position.offset for place, position in positions.items()}
        transaction.notes |= {(group, place): position.metadata for place, position in positions.items()}
        if None not in transaction.unmarked:
            transaction.unmarked.append(None)

    def commit(self, owner: str, epoch: int) -> None:
        """Decide the transaction; its markers follow.

        Raises:
            ProducerFenced: there is a newer producer of this id, or the transaction took too long.
        """
        if self._epochs.get(owner) != epoch:
            raise ProducerFenced
        if owner in self._current:
            self._say("commit", owner)
            self._end(owner, "committed")

    def mark_one(self) -> None:
        """Write one marker of a decided transaction."""
        transaction = self._chance.choice(self.settling)
        self._mark(transaction, self._chance.randrange(len(transaction.unmarked)))

    def settle(self) -> None:
        """Write all markers of decided transactions."""
        for transaction in list(self.settling):
            self._finish(transaction)

    def committed(self, place: Place, start: int, end: int | None = None) -> list[Stored]:
        """The committed records from `start` up to `end`, or the last stable offset."""
        some = self.places.get(place, ())[start : self.ends.get(place, 0) if end is None else end]
        return [one for one in some if one.transaction is None or _counts(one)]

    def _transaction(self, owner: str, epoch: int) -> Transaction:
        """The open one; the one before is settled first, as a broker has a producer wait for that."""
        if self._epochs.get(owner) != epoch:
            raise ProducerFenced
        self._finish_of(owner)
        if owner not in self._current:
            self._current[owner] = Transaction(owner)
        return self._current[owner]

    def _abort(self, owner: str) -> None:
        """Whatever the producer left behind is settled."""
        if owner in self._current:
            self._end(owner, "aborted")
        self._finish_of(owner)

    def _end(self, owner: str, state: Literal["committed", "aborted"]) -> None:
        transaction = self._current.pop(owner)
        transaction.state = state
        if transaction.unmarked:
            self.settling.append(transaction)

    def _finish_of(self, owner: str) -> None:
        for transaction in list(self.settling):
            if transaction.owner == owner:
                self._finish(transaction)

    def _finish(self, transaction: Transaction) -> None:
        while transaction.unmarked:
            self._mark(transaction, 0)

    def _mark(self, transaction: Transaction, number: int) -> None:
        place = transaction.unmarked.pop(number)
        if not transaction.unmarked:
            self.settling.remove(transaction)
        if place is not None:
            log = self.places[place]
            del self._hidden[place][transaction]
            log.append(Stored(len(log), PAST_MS, None, None, (), transaction, is_marker=True))
            self._look(place)
        elif transaction.state == "committed":
            self._adopt(transaction)

    def _look(self, place: Place) -> None:
        end = min(self._hidden.get(place, {}).values(), default=len(self.places[place]))
        if end > self.ends.get(place, 0):
            self.ends[place] = end
            self.on_visible()

    def _adopt(self, transaction: Transaction) -> None:
        for key, position in transaction.positions.items():
            before = self.positions.get(key, 0)
            if position < before:
                group, place = key
                self.backwards.append(f"{place.topic}/{place.partition} of {group}: {before} to {position}")
            self.positions[key] = position
        self.notes |= transaction.notes

    def _say(self, *words: object) -> None:
        if self._trace is not None:
            self._trace("  log: " + " ".join(map(str, words)))


def _counts(one: Stored) -> bool:
    return one.transaction is not None and one.transaction.state == "committed" and not one.is_marker
