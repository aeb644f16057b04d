"""All that is decided of one journal partition: its customers, its clock, its rules, its due times.

`compute` takes entries in journal order and says what changes; `adopt` makes it so, once it is safely on the log.
Between the two nothing else may be computed; a computed batch that is not adopted voids this object (due times have
been taken off the heap): build a new one from the table.

The same object serves the live worker, the replay and the tests: same entries, same decisions, byte for byte.
"""

from collections import Counter
from collections.abc import Callable, Iterable, MutableMapping
from functools import partial

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from streams import beside, config, engine, partition_record, state
from streams.actions import Decision
from streams.due_times import DueTimes
from streams.forgotten import Forgotten
from streams.journal import ConfigVersion, Entry, EventEntry, Forget, Release, Tick, kind_of
from streams.partition_record import CONFIG_KEY, FORGOTTEN_KEY, PARTITION_KEY, RESERVED_KEYS, RUNAWAY_KEY
from streams.rules import Rules, compile_rules
from streams.runaway import Runaway
from streams.turn import Witness

DueOf = Callable[[bytes], int | None]
OnDue = Callable[[bytes, str, Tick, int, Rules], engine.Outcomes]
_decode_version = msgspec.msgpack.Decoder(ConfigVersion).decode


class JournalRecord(Struct, frozen=True):
    """An entry at its offset in the journal partition."""

    offset: int
    entry: Entry


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
    counts: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    forgotten: int = 0
    newest_event_at_ms: int = -1


class Partition:
    """One partition's state. `table` holds the customers' blobs by key and is changed by `adopt` alone.

    It is made from the table's content, less the partition's own records. `witness` hears the arbiter's questions.

    Raises:
        streams.partition_record.DamagedState: records are missing, too many, or not what they should be. What has the
            right size and can be read is not looked into: a digest of all content would cost more than a tenth of an
            event.
    """

    def __init__(self, table: MutableMapping[bytes, bytes], witness: Witness | None = None) -> None:
        record, self._witness = partition_record.take_record(table), witness
        self.position, self.clock_ms, self.refused = record.position, record.clock_ms, record.refused
        self._own = {key: table.pop(key, None) for key in (CONFIG_KEY, FORGOTTEN_KEY, RUNAWAY_KEY)}
        self._runaway = Runaway(self._own[RUNAWAY_KEY])
        self.rules = self._rules(self._own[CONFIG_KEY])
        self._forgotten = Forgotten(self._own[FORGOTTEN_KEY])
        self.table = table
        self._records, self._content_bytes = record.records, record.content_bytes
        self._due = DueTimes(
            (key, partition_record.header(blob, record.position).due_ms) for key, blob in table.items()
        )
        self._batch = Batch()
        self._shadow_due = self._find_shadow_due()

    def compute(self, records: Iterable[JournalRecord]) -> Batch:
        """What these entries change. Entries at or below the applied position are passed over."""
        batch = self._batch = Batch()
        for record in records:
            offset, entry = record.offset, record.entry
            if offset <= self.position:
                continue
            self.position = offset
            batch.counts[kind_of(entry)] += 1
            if isinstance(entry, EventEntry):
                self._on_event(offset, entry)
            else:
                self._apply(offset, entry)
        if batch.counts:
            if self._runaway.is_changed:
                batch.changes[RUNAWAY_KEY] = self._runaway.encode()
            self._weigh(batch)
            shape = (self._records, self._content_bytes, self.refused)
            own = partition_record.PartitionRecord(self.position, self.clock_ms, *shape)
            batch.changes[PARTITION_KEY] = msgspec.msgpack.encode(own)
        return batch

    def adopt(self, batch: Batch) -> None:
        """Make a computed batch's changes the state."""
        table, reserved = self.table, RESERVED_KEYS
        for key, blob in batch.changes.items():
            if blob is None:
                table.pop(key, None)
            elif key not in reserved:
                table[key] = blob
            elif key != PARTITION_KEY:
                self._own[key] = blob

    def suppose(self, version: ConfigVersion) -> Batch:
        """What changes if it decides from here on, without an entry of its own: for who asks what would have been."""
        self._batch = Batch()
        self._on_config(version)
        self._weigh(self._batch)
        return self._batch

    @property
    def applied(self) -> ConfigVersion | None:
        """The config version that decides, as far as adopted; None before the first one."""
        content = self._own[CONFIG_KEY]
        return None if content is None else _decode_version(content)

    @property
    def overdue(self) -> bool:
        """Whether a due time has passed that the last tick didn't reach: it fires a bounded number."""
        return self._due.is_due(self.clock_ms)

    def _apply(self, offset: int, entry: Tick | ConfigVersion | Forget | Release) -> None:
        if isinstance(entry, Tick):
            self._on_tick(offset, entry)
        elif isinstance(entry, ConfigVersion):
            self._on_config(entry)
        elif isinstance(entry, Forget):
            self._on_forget(entry)
        elif self._runaway.release(entry, self._now_ms(entry.at_ms), self.rules.policy):
            self.rules = replace(self.rules, held=self._runaway.held)

    def _on_event(self, offset: int, entry: EventEntry) -> None:
        event, batch = entry.event, self._batch
        event.position = offset
        batch.newest_event_at_ms = max(batch.newest_event_at_ms, event.at_ms)
        if self._forgotten.covers(event.customer, event.at_ms):
            batch.forgotten += 1
            return
        key = event.customer.encode()
        known = self._blob(key)
        outcomes = engine.on_event(known, event, self.clock_ms, self.rules, entry.traceparent, witness=self._witness)
        if outcomes.repeated:
            batch.repeated += 1
        else:
            self._take(key, outcomes)

    def _on_tick(self, offset: int, tick: Tick) -> None:
        """Fire what is due; of shadow sets first, which then see what the live ones see."""
        if tick.at_ms <= self.clock_ms:
            return
        self.clock_ms = tick.at_ms
        if self.rules.shadow_sets:
            self._fire(self._shadow_due, self._shadow_due_of, engine.on_shadow_due, offset)
        on_due = partial(engine.on_due, witness=self._witness)
        self._fire(self._due, lambda blob: state.decode_header(blob).due_ms, on_due, offset)

    def _fire(self, times: DueTimes, due_of: DueOf, on_due: OnDue, offset: int) -> None:
        """A bounded number of customers; the rest is left to the next tick."""
        tick, left = Tick(self.clock_ms), self.rules.policy.due_per_tick_max
        while left and times.is_due(self.clock_ms):
            key = times.take()
            blob = self._blob(key)
            if blob is None:
                continue
            due_ms = due_of(blob)
            if due_ms is None or due_ms > self.clock_ms:
                times.schedule(key, due_ms)
                continue
            left -= 1
            self._take(key, on_due(blob, key.decode(), tick, offset, self.rules))

    def _shadow_due_of(self, blob: bytes) -> int | None:
        return beside.due_ms(state.stored_beside(blob), self.rules)

    def _find_shadow_due(self) -> DueTimes:
        """The due times of the shadow sets that run now: asked of every customer, so that a restart finds the same."""
        keys = dict.fromkeys((*self.table, *self._batch.changes)) if self.rules.shadow_sets else {}
        blobs = ((key, self._blob(key)) for key in keys if key not in RESERVED_KEYS)
        return DueTimes((key, self._shadow_due_of(blob)) for key, blob in blobs if blob is not None)

    def _on_config(self, entry: ConfigVersion) -> None:
        """Switch to it. One that doesn't fit this release is refused: the rules before go on deciding."""
        content, self.refused = msgspec.msgpack.encode(entry), ""
        if entry.version == self.rules.version:
            return
        try:
            self.rules = self._rules(content)
        except msgspec.MsgspecError:
            self.refused = entry.version
        else:
            self._batch.changes[CONFIG_KEY] = content
            self._shadow_due = self._find_shadow_due()

    def _on_forget(self, entry: Forget) -> None:
        """The state goes, the marker stays. The same request again may come after the customer did: it is ignored."""
        if self._forgotten.add(entry):
            self._batch.changes[entry.customer.encode()] = None
            self._batch.changes[FORGOTTEN_KEY] = self._forgotten.encode()

    def _weigh(self, batch: Batch) -> None:
        """What the batch does to the number of records and of their bytes."""
        records, content_bytes = partition_record.weight(batch.changes, self.table, self._own)
        self._records += records
        self._content_bytes += content_bytes

    def _take(self, key: bytes, outcomes: engine.Outcomes) -> None:
        if outcomes.blob is not None:
            self._batch.changes[key] = outcomes.blob
        if outcomes.decisions:
            self._batch.decisions.extend(outcomes.decisions)
            self._guard(outcomes.decisions)
        self._due.schedule(key, outcomes.due_ms)
        if outcomes.shadow_due_ms is not None:
            self._shadow_due.schedule(key, outcomes.shadow_due_ms)

    def _blob(self, key: bytes) -> bytes | None:
        changes = self._batch.changes
        return changes[key] if key in changes else self.table.get(key)

    def _guard(self, decisions: list[Decision]) -> None:
        """Count what was sent; a trigger that runs away is held before the next customer's turn."""
        for one in decisions:
            if one.outcome == "sent" and self._runaway.sent(one, self._now_ms(one.decided_at_ms), self.rules.policy):
                self.rules = replace(self.rules, held=self._runaway.held)

    def _now_ms(self, otherwise_ms: int) -> int:
        """The last tick; before the first one there is no better clock than the entry's own."""
        return self.clock_ms if self.clock_ms >= 0 else otherwise_ms

    def _rules(self, content: bytes | None) -> Rules:
        """The rules as they decide here, less what the guard holds; before the first version, everything is off."""
        version = None if content is None else _decode_version(content)
        chosen = config.build({}) if version is None else config.decode(version.content, version.version)
        return replace(compile_rules(chosen), held=self._runaway.held)
