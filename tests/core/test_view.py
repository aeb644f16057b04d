"""A customer's view has every stored record with its fields' names, however deep it lies."""

import random
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from agents import config_files
from agents.settings import PACKAGED_CONFIG
from streams import config, named, state
from streams.events import EVENT_TYPES
from streams.journal import ConfigVersion, EventEntry, Source, Tick
from streams.partition import JournalRecord, Partition
from streams.partition_record import RESERVED_KEYS
from streams.state import Brief, Customer, Held
from streams.view import Counted, describe
from tests.core.any_entry import any_event

EVENTS, CUSTOMERS = 3000, 20


def told(value: Any) -> Any:
    """Looked into step by step: what `streams.named` has msgspec do."""
    if isinstance(value, Struct):
        return {name: told(one) for name, one in msgspec.structs.asdict(value).items()}
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items()}
    return [told(one) for one in value] if isinstance(value, list | tuple) else value


def document(name: str, customer: Customer) -> dict[str, Any]:
    dossier = customer.facts.dossier
    return {
        "customer": name,
        "position": customer.position,
        "facts": told(dossier) | {one: told(getattr(customer.facts, one)) for one in Counted.__struct_fields__},
        "risk": dossier.risk,
        "rank_minor": dossier.risk * dossier.value_minor if dossier.risk_at_ms >= 0 else None,
        "waiting": [{"reason": one.reason, "until_ms": one.until_ms} | told(one.proposal) for one in customer.held],
        "due_ms": customer.due,
        "decisions": told(customer.decisions),
    }


@pytest.fixture(scope="module")
def customers() -> dict[bytes, bytes]:
    """States in which every list has something, of one customer or another."""
    chance, partition = random.Random(3), Partition({})  # noqa: S311 - seeded
    rules = config_files.load(PACKAGED_CONFIG)
    entries: list[Any] = [ConfigVersion(rules.version, config.encode(rules), 0)]
    for number in range(EVENTS):
        event = any_event(chance.choice(EVENT_TYPES), chance, number, f"c{chance.randrange(CUSTOMERS)}")
        entries += [EventEntry(event, Source("any", 0, number)), Tick(event.at_ms)]
    partition.adopt(partition.compute(JournalRecord(at, entry) for at, entry in enumerate(entries)))
    return {key: blob for key, blob in partition.table.items() if key not in RESERVED_KEYS}


def test_a_view_is_what_a_look_at_each_field_gives(customers: dict[bytes, bytes]) -> None:
    for key, blob in customers.items():
        expected = document(key.decode(), state.decode(blob))
        assert describe(key.decode(), blob).document == msgspec.json.encode(expected)
    known = [state.decode(blob) for blob in customers.values()]
    assert any(one.held for one in known)
    assert any(one.decisions for one in known)
    for name in ("fraud_checks", "contacts", "signals", "complaints", "resolutions", "terms", "statements"):
        assert any(getattr(one.facts.dossier, name) for one in known), name


def test_what_has_no_names_is_passed_on_as_it_is() -> None:
    assert [named.named(kind) for kind in (int, list[int], dict[str, tuple[int, bool]], int | str | None)] == [Any] * 4


def test_records_of_several_types_in_one_place_are_refused() -> None:
    with pytest.raises(TypeError, match="several types"):
        named.named(list[Brief | Held])
