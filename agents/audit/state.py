"""Customers' states, held against the oracle's and against the bounds of the rules."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct, field

from agents.audit.findings import Findings
from agents.topic_admin import MESSAGE_BYTES_MAX
from streams import config, state, trigger
from streams.facts import MONTHS_KEPT, STATEMENTS_KEPT, WEEKS_KEPT
from streams.journal import ConfigVersion
from streams.partition_record import RESERVED_KEYS
from streams.turn import BRIEFS_KEPT_MAX

DECISIONS = "decisions"
Table = dict[bytes, bytes]


class Bounds:
    """The largest bound that any config version of the journal sets: a list is cut back when it is next written."""

    def __init__(self) -> None:
        self.lists: dict[str, int] = {DECISIONS: BRIEFS_KEPT_MAX}
        self._widen(config.build({}))

    def take(self, version: ConfigVersion) -> None:
        """A config version of the journal. One that was refused sets no bound."""
        with suppress(msgspec.MsgspecError):
            self._widen(config.decode(version.content, version.version))

    def _widen(self, rules: config.Config) -> None:
        policy = rules.policy
        found = {
            "held": policy.held_kept_max,
            "contacts": policy.contacts_kept_max,
            "fraud_checks": policy.fraud_checks_kept_max,
            "complaints": policy.complaints_kept_max,
            "terms": policy.terms_kept_max,
            "statements": STATEMENTS_KEPT,
            "margins": MONTHS_KEPT,
            "touches": WEEKS_KEPT,
            "uses": policy.uses_kept_max,
            "event_ids": policy.event_ids_kept_max,
        }
        for name, settings in rules.triggers.items():
            parameters = msgspec.structs.asdict(settings.parameters)
            kept = (value for key, value in parameters.items() if key.endswith("_kept_max"))
            found[f"trigger {name}"] = max(kept, default=0)
        for name, bound in found.items():
            self.lists[name] = max(bound, self.lists.get(name, 0))


class States(Struct):
    """Findings about states, partition by partition; `digest` grows with each."""

    customers: int = 0
    records: int = 0
    blob_bytes_max: int = 0
    longest: int = 0
    equality: Findings = field(default_factory=Findings)
    size: Findings = field(default_factory=Findings)
    bounds: Bounds = field(default_factory=Bounds)
    digest: Any = field(default_factory=hashlib.sha256)

    def compare(self, number: int, live: Table, oracle: Table) -> None:
        """The state that the changelog gives against the oracle's, and its size."""
        self.records += len(live)
        for key in sorted(live.keys() | oracle.keys()):
            one, other = live.get(key), oracle.get(key)
            if one != other:
                self.equality.add(
                    f"partition {number}: {_told(key, one)} in the changelog, {_told(key, other)} replayed"
                )
            if one is not None and key not in RESERVED_KEYS:
                self._measure(number, key, one)

    def _measure(self, number: int, key: bytes, blob: bytes) -> None:
        for part in (key, blob):
            self.digest.update(len(part).to_bytes(8) + part)
        self.customers += 1
        self.blob_bytes_max = max(self.blob_bytes_max, len(blob))
        if len(blob) > MESSAGE_BYTES_MAX:
            self.size.add(f"partition {number}: a state of {len(blob)} bytes")
        with suppress(msgspec.MsgspecError):  # one that can't be read differs from the oracle's: told there
            self._measure_lists(number, blob)

    def _measure_lists(self, number: int, blob: bytes) -> None:
        for name, length in _lengths(blob):
            self.longest = max(self.longest, length)
            if length > self.bounds.lists[name]:
                self.size.add(
                    f"partition {number}: {length} {name} in a state, at most {self.bounds.lists[name]} allowed"
                )


def _told(key: bytes, blob: bytes | None) -> str:
    """A state without the customer: which journal offset wrote it."""
    if blob is None:
        return "no record"
    if key in RESERVED_KEYS:
        return "another record of the partition itself"
    try:
        return f"a state of journal offset {state.decode_header(blob).position}"
    except msgspec.MsgspecError:
        return "an unreadable state"


def _lengths(blob: bytes) -> Iterator[tuple[str, int]]:
    """How long each bounded list of a state is; of a trigger's own, any list or map at any depth."""
    customer = state.decode(blob)
    yield DECISIONS, len(customer.decisions)
    yield "held", len(customer.held)
    facts = customer.facts
    yield "margins", len(facts.margins.counts)
    yield "touches", len(facts.touches.counts)
    yield "uses", len(facts.uses)
    for name in ("contacts", "fraud_checks", "complaints", "terms", "statements"):
        yield name, len(getattr(facts.dossier, name))
    yield "complaints", len(facts.dossier.resolutions)
    yield "event_ids", len(customer.seen) // state.FINGERPRINT_BYTES
    known = trigger.load()
    for name in customer.triggers.keys() & known.keys():
        own = msgspec.msgpack.decode(customer.triggers[name], type=known[name].state)
        yield f"trigger {name}", max(_nested(own), default=0)


def _nested(value: Any) -> Iterator[int]:
    if isinstance(value, Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, dict | list | bytearray):
        yield len(value)
        parts = [*value.values()] if isinstance(value, dict) else [*value]
    else:
        return
    for part in parts:
        yield from _nested(part)
