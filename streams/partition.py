"""All that is decided of one journal partition: its customers, its clock, its rules, its due times.

`compute` takes entries in journal order and says what changes; `adopt` makes it so, once it is safely on the log.
Between the two nothing else may be computed; a computed batch that is not adopted voids this object (due times have
been taken off the heap): build a new one from the table.

The same object serves the live worker, the replay and the tests: same entries, same decisions, byte for byte.
"""

import heapq
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from streams import config, engine, state
from streams.actions import Decision
from streams.forgotten import Forgotten
from streams.journal import ConfigVersion, Entry, EventEntry, Forget, Tick, kind_of
from streams.rules import Rules, compile_rules
from streams.turn import Witness

PARTITION_KEY = b"\x00partition"  # no customer's: an identifier begins with a printable character
CONFIG_KEY = b"\x00config"
FORGOTTEN_KEY = b"\x00forgotten"
RESERVED_KEYS = frozenset((PARTITION_KEY, CONFIG_KEY, FORGOTTEN_KEY))


class DamagedState(ValueError):  # noqa: N818 - it says what is the matter
    """A table that can't be what this partition wrote; says why, without a customer."""


class JournalRecord(NamedTuple):
    """An entry at its offset in the journal partition."""

    offset: int
    entry: Entry


class PartitionRecord(Struct, array_like=True):
    """What the table keeps of the partition itself.

    Attributes:
        position: the last applied journal offset.
        clock_ms: the last tick.
        records: how many other records the table has; -1 where an earlier release didn't count.
        content_bytes: how many bytes those have in all.
    """

    position: int = -1
    clock_ms: int = -1
    records: int = -1
    content_bytes: int = -1


class Batch(Struct):
    """What some entries change.

    Attributes:
        changes: new blob per key, reserved keys included; None deletes.
        decisions: in order.
        counts: entries by kind.
        repeated: events that a customer had seen before.
        forgotten: events from before their customer was forgotten; nothing came of them.
        newest_event_at_ms: the latest event time among the entries, -1 without an event.
    """

    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    forgotten: int = 0
    newest_event_at_ms: int = -1


class Partition:
    """One partition's state. `table` holds the customers' blobs by key and is changed by `adopt` alone.

    It is made from the table's content, less the partition's own records. `witness` hears the arbiter's questions.

    Raises:
        DamagedState: records are missing, too many, or not what they should be. What has the right size and can be
            read is not looked into: a digest of all content would cost more than a tenth of an event.
    """

    def __init__(self, table: dict[bytes, bytes], witness: Witness | None = None) -> None:
        record, self._witness = _checked(table), witness
        self.position = record.position
        self.clock_ms = record.clock_ms
        self._own = {key: table.pop(key, None) for key in (CONFIG_KEY, FORGOTTEN_KEY)}
        self.rules = _rules(self._own[CONFIG_KEY])
        self._forgotten = Forgotten(self._own[FORGOTTEN_KEY])
        self.table = table
        self._records, self._content_bytes = record.records, record.content_bytes
        headers = ((key, _header(blob, record.position)) for key, blob in table.items())
        self._scheduled = {key: header.due_ms for key, header in headers if header.due_ms is not None}
        self._heap = [(due_ms, key) for key, due_ms in self._scheduled.items()]
        heapq.heapify(self._heap)
        self._batch = Batch()

    def compute(self, records: Iterable[JournalRecord]) -> Batch:
        """What these entries change. Entries at or below the applied position are passed over."""
        batch = self._batch = Batch()
        for offset, entry in records:
            if offset <= self.position:
                continue
            self.position = offset
            kind = kind_of(entry)
            batch.counts[kind] = batch.counts.get(kind, 0) + 1
            self._apply(offset, entry)
        if batch.counts:
            self._weigh(batch)
            record = PartitionRecord(self.position, self.clock_ms, self._records, self._content_bytes)
            batch.changes[PARTITION_KEY] = msgspec.msgpack.encode(record)
        return batch

    def adopt(self, batch: Batch) -> None:
        """Make a computed batch's changes the state."""
        for key, blob in batch.changes.items():
            if blob is None:
                self.table.pop(key, None)
            elif key not in RESERVED_KEYS:
                self.table[key] = blob
            elif key != PARTITION_KEY:
                self._own[key] = blob

    @property
    def overdue(self) -> bool:
        """Whether a due time has passed that the last tick didn't reach: it fires a bounded number."""
        return bool(self._heap) and self._heap[0][0] <= self.clock_ms

    def _apply(self, offset: int, entry: Entry) -> None:
        if isinstance(entry, EventEntry):
            self._on_event(offset, entry)
        elif isinstance(entry, Tick):
            self._on_tick(offset, entry)
        elif isinstance(entry, ConfigVersion):
            self._on_config(entry)
        elif isinstance(entry, Forget):
            self._on_forget(entry)

    def _on_event(self, offset: int, entry: EventEntry) -> None:
        event, batch = entry.event, self._batch
        event.position = offset
        batch.newest_event_at_ms = max(batch.newest_event_at_ms, event.at_ms)
        if self._forgotten.covers(event.customer, event.at_ms):
            batch.forgotten += 1
            return
        key = event.customer.encode()
        known, witness = self._blob(key), self._witness
        outcomes = engine.on_event(known, event, self.clock_ms, self.rules, entry.traceparent, witness=witness)
        batch.repeated += outcomes.repeated
        if not outcomes.repeated:
            self._take(key, outcomes)

    def _on_tick(self, offset: int, tick: Tick) -> None:
        """Fire what is due, a bounded number of customers; the rest is left to the next tick."""
        if tick.at_ms <= self.clock_ms:
            return
        self.clock_ms = tick.at_ms
        left = self.rules.policy.due_per_tick_max
        while left and self.overdue:
            key = self._next_due()
            blob = self._blob(key)
            if blob is None:
                continue
            due_ms = state.decode_header(blob).due_ms
            if due_ms is None or due_ms > tick.at_ms:
                self._schedule(key, due_ms)
                continue
            left -= 1
            self._take(key, engine.on_due(blob, key.decode(), tick, offset, self.rules, witness=self._witness))

    def _on_config(self, entry: ConfigVersion) -> None:
        content = msgspec.msgpack.encode(entry)
        if entry.version != self.rules.version:
            self.rules = _rules(content)
            self._batch.changes[CONFIG_KEY] = content

    def _on_forget(self, entry: Forget) -> None:
        """The state goes, the marker stays. The same request again may come after the customer did: it is ignored."""
        if self._forgotten.add(entry):
            self._batch.changes[entry.customer.encode()] = None
            self._batch.changes[FORGOTTEN_KEY] = self._forgotten.encode()

    def _weigh(self, batch: Batch) -> None:
        """What the batch does to the number of records and of their bytes."""
        for key, blob in batch.changes.items():
            before = self._own.get(key) or self.table.get(key)
            self._records += (blob is not None) - (before is not None)
            self._content_bytes += (len(blob) if blob else 0) - (len(before) if before else 0)

    def _take(self, key: bytes, outcomes: engine.Outcomes) -> None:
        if outcomes.blob is not None:
            self._batch.changes[key] = outcomes.blob
        self._batch.decisions.extend(outcomes.decisions)
        self._schedule(key, outcomes.due_ms)

    def _blob(self, key: bytes) -> bytes | None:
        changes = self._batch.changes
        return changes[key] if key in changes else self.table.get(key)

    def _schedule(self, key: bytes, due_ms: int | None) -> None:
        """One heap entry a customer, at or before the due time: one that moved on is put right when it comes up."""
        if due_ms is not None and due_ms < self._scheduled.get(key, due_ms + 1):
            self._scheduled[key] = due_ms
            heapq.heappush(self._heap, (due_ms, key))

    def _next_due(self) -> bytes:
        due_ms, key = heapq.heappop(self._heap)
        if self._scheduled.get(key) == due_ms:
            del self._scheduled[key]
        return key


def _checked(table: dict[bytes, bytes]) -> PartitionRecord:
    """The partition's record, taken out of the table, if the rest is what it says."""
    try:
        record = msgspec.msgpack.decode(table.pop(PARTITION_KEY, b"\x90"), type=PartitionRecord)
    except msgspec.MsgspecError as error:
        raise DamagedState("the partition's own record can't be read") from error
    records, content_bytes = len(table), sum(map(len, table.values()))
    if record.position < 0 and records:
        raise DamagedState(f"{records} records, and none says which journal offset they belong to")
    if record.records < 0:  # an earlier release's, or a new partition
        record.records, record.content_bytes = records, content_bytes
    if record.records != records:
        raise DamagedState(f"{records} records, {record.records} were written")
    if record.content_bytes != content_bytes:
        raise DamagedState(f"{content_bytes} bytes in {records} records, {record.content_bytes} were written")
    return record


def _header(blob: bytes, position: int) -> state.Header:
    try:
        header = state.decode_header(blob)
    except msgspec.MsgspecError as error:
        raise DamagedState("a customer's record can't be read") from error
    if header.position > position:
        raise DamagedState(f"a record of journal offset {header.position}, the partition is at {position}")
    return header


def _rules(content: bytes | None) -> Rules:
    """The rules of the last config version in the table; before the first one, everything is off."""
    if content is None:
        return compile_rules(config.build({}))
    version = msgspec.msgpack.decode(content, type=ConfigVersion)
    return compile_rules(config.decode(version.content, version.version))
