"""Scenarios: what happened, in YAML, and what must be decided. They run through the real engine, time moved by hand."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import Struct
from msgspec.structs import replace

from streams import config, state
from streams.actions import Decision, encode_decision
from streams.events import AnyEvent
from streams.journal import ConfigVersion, Entry, EventEntry, Release, Source, Tick
from streams.partition import JournalRecord, Partition
from streams.trigger import load, milliseconds

FOLDER = Path(__file__).parents[1] / "scenarios"
EPOCH_MS = 1_767_571_200_000  # 2026-01-05, a Monday
CUSTOMER = "anna"
PROFILE = {
    "type": "profile",
    "id": "profile",
    "channels": ["email", "phone"],
    "consents": ["email", "phone"],
    "value_minor": 100_000,
}


# What a case doesn't ask for stays out of its way: offers go out at once, at any hour, to everybody.
PLAIN = {
    "collect_for": "PT0S",
    "quiet_hours": {"begin": "00:00", "end": "00:00"},
    "cadence": {"gap_min": "PT0S", "gap_max": "PT0S"},
    "caps": {"day": 100, "week": 100, "month": 100},
    "hold_out_percent": 0,
}


class Case(Struct, forbid_unknown_fields=True):
    """One scenario.

    Attributes:
        given: events, ticks, releases of triggers, and versions of the config, `after` the epoch; ids are `e0`, `e1`,
            … unless given; a profile with consent to e-mail and calls is put first if none is given.
        expect: every decision in order: an action's name (it was sent), or what the decision must hold.
        config: parameters by trigger, and `policy`; every trigger is live.
        arrival: ids of `given` in the order they arrive; an id may come twice.
        order_matters: why another order of arrival decides otherwise; empty: it doesn't.
    """

    name: str
    given: list[dict[str, Any]]
    expect: list[str | dict[str, Any]]
    config: dict[str, dict[str, Any]] = {}
    arrival: list[str] = []
    order_matters: str = ""


def cases(path: Path) -> list[Case]:
    """The cases of one file."""
    return msgspec.convert(yaml.safe_load(path.read_text()), list[Case])


def all_cases() -> list[Any]:
    """The cases of all files, as pytest parameters."""
    files = sorted(FOLDER.rglob("*.yaml"))
    return [pytest.param(case, id=f"{path.stem}: {case.name}") for path in files for case in cases(path)]


def of_trigger(name: str) -> list[Case]:
    """The cases of one trigger."""
    return cases(FOLDER / load()[name].family / f"{name}.yaml")


def after_ms(when: str | date) -> int:
    """The instant so long after the epoch, as in `P2DT3H`; or a date or a time of YAML, in UTC."""
    if isinstance(when, datetime):
        return int(when.timestamp() * 1000)
    if isinstance(when, date):
        return after_ms(datetime.combine(when, time(), UTC))
    return EPOCH_MS + milliseconds(msgspec.convert(when, timedelta))


def rules(case: Case, modes: dict[str, str] | None = None) -> ConfigVersion:
    """The case's rules as a journal entry; `modes` by trigger, live where it says nothing."""
    overrides = dict(case.config)
    policy = PLAIN | overrides.pop("policy", {})
    named = {name: {"mode": (modes or {}).get(name, "live"), **overrides.pop(name, {})} for name in load()}
    built = config.build({"policy": policy, "triggers": named | overrides})
    return ConfigVersion(built.version, config.encode(built), EPOCH_MS)


def happenings(case: Case) -> list[Entry]:
    """The case's events and ticks in the order they arrive."""
    given = {str(one.get("id", f"e{number}")): one for number, one in enumerate(case.given)}
    entries = [_version(case, one) if one["type"] == "config" else _entry(name, one) for name, one in given.items()]
    if case.arrival:
        by_name = dict(zip(given, entries, strict=True))
        entries = [by_name[name] for name in case.arrival]
    if any(one["type"] == "profile" for one in case.given):
        return entries
    return [_entry("profile", PROFILE), *entries]


def _version(case: Case, given: dict[str, Any]) -> ConfigVersion:
    """Rules from here on: the case's, but for the `config` of this entry."""
    return replace(rules(replace(case, config=case.config | given["config"])), at_ms=after_ms(given["after"]))


def journal(case: Case, modes: dict[str, str] | None = None) -> list[Entry]:
    """All entries of a case, its rules first."""
    return [rules(case, modes), *happenings(case)]


class World:
    """A partition, and `kept`: what a restart would find of it in the table."""

    def __init__(self, kept: dict[bytes, bytes] | None = None) -> None:
        self.kept = dict(kept or {})
        self.partition = Partition(dict(self.kept))

    def take(self, entries: Iterable[Entry]) -> list[Decision]:
        """Decide entry by entry; offsets go on from the last one."""
        return [decision for entry in entries for decision in self._take(entry)]

    def sub_state(self, trigger: str) -> bytes | None:
        """What a trigger has of the customer, as it is stored."""
        blob = self.kept.get(CUSTOMER.encode())
        raw = state.decode(blob).triggers.get(trigger) if blob else None
        return None if raw is None else bytes(raw)

    def _take(self, entry: Entry) -> list[Decision]:
        batch = self.partition.compute([JournalRecord(self.partition.position + 1, entry)])
        self.partition.adopt(batch)
        self.kept |= {key: blob for key, blob in batch.changes.items() if blob is not None}
        return batch.decisions


def run(entries: Iterable[Entry]) -> list[Decision]:
    """All decisions in order."""
    return World().take(entries)


def differences(case: Case, decisions: list[Decision]) -> list[str]:
    """How the decisions differ from what the case expects, in words; empty: they don't."""
    expected = [{"action": one} if isinstance(one, str) else one for one in case.expect]
    found = [f"{one.action} {one.outcome} {one.reason or ''}: {one.because}" for one in decisions]
    if len(expected) != len(decisions):
        return [f"expected {len(expected)} decisions, found {len(found)}:", *found]
    return [
        f"{name} of decision {number} ({found[number]}): expected {value!r}, found {actual!r}"
        for number, (wanted, decision) in enumerate(zip(expected, decisions, strict=True))
        for name, value in ({"outcome": "sent"} | wanted).items()
        if (actual := _actual(decision, name, value)) != value
    ]


def digest(entries: Iterable[Entry]) -> str:
    """A digest of every byte that these entries leave: state after each, and decisions."""
    world, left = World(), hashlib.sha256()
    for entry in entries:
        decisions = world.take([entry])
        left.update(repr((sorted(world.kept.items()), [*map(encode_decision, decisions)])).encode())
    return left.hexdigest()


def digest_of_all() -> str:
    """The digest over all cases."""
    digests = [digest(journal(one.values[0])) for one in all_cases()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _entry(name: str, given: dict[str, Any]) -> Entry:
    fields = {key: after_ms(value) if _is_moment(key, value) else value for key, value in given.items()}
    at_ms = after_ms(fields.pop("after", "PT0S"))
    if fields["type"] == "tick":
        return Tick(at_ms)
    if fields["type"] == "release":
        return Release(fields["trigger"], at_ms)
    event = msgspec.convert({"id": name, "customer": CUSTOMER, "at_ms": at_ms, **_complete(fields)}, AnyEvent)
    unknown = set(fields) - set(event.__struct_fields__) - {"type"}
    assert not unknown, f"{name} has unknown fields: {sorted(unknown)}"
    return EventEntry(event, Source("scenario", 0, 0))


def _is_moment(key: str, value: Any) -> bool:
    """Whether a field of an event says its time as a case says `after`."""
    return key.endswith("_ms") and isinstance(value, str | date)


def _complete(fields: dict[str, Any]) -> dict[str, Any]:
    """What a case need not say."""
    if fields["type"] == "card_transaction":
        return {"currency": "EUR", **fields}
    if fields["type"] == "purchase":
        return {"currency": "EUR", "amount_minor": 10_000, "product": fields.get("category"), **fields}
    if fields["type"] == "account_movement":
        return {"currency": "EUR", "account": fields.get("account_type"), **fields}
    return fields


def _actual(decision: Decision, name: str, value: Any) -> Any:
    """What the decision holds, in the shape in which a case says it."""
    match name:
        case "measured":
            return {one: measure.value for one, measure in decision.measured.items() if one in value}
        case "causes":
            return [cause.event for cause in decision.causes]
        case "because":
            return value if value in decision.because else decision.because
        case "decided_after" | "expires_after" | "held_until_after":
            at_ms = getattr(decision, name.replace("_after", "_at_ms" if name != "held_until_after" else "_ms"))
            return value if at_ms == after_ms(value) else timedelta(milliseconds=(at_ms or 0) - EPOCH_MS)
        case _:
            return getattr(decision, name)
