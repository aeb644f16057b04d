"""Journal entries as JSON: whatever the journal holds comes back from a dump as it was."""

from typing import Any

import msgspec
import pytest

from agents import journal_lines
from streams import journal
from streams.events import EVENT_TYPES, AnyEvent, event_type_name
from streams.journal import ConfigVersion, EventEntry, Forget, Source, Tick
from streams.partition import JournalRecord

START_MS = 1_700_000_000_000
MINIMAL: dict[str, Any] = {
    "at_ms": START_MS, "period_from_ms": 1, "period_to_ms": 2, "amount_minor": 5, "closing_balance_minor": -5,
    "paid_minor": 0, "balance_after_minor": -1, "currency": "EUR", "account_type": "savings", "method": "cash",
    "status": "signed", "answer": "genuine", "sentiment": 0.1, "accounts": {"a": "cd"}, "channels": ["sms", "email"],
}  # fmt: skip
KIND = {"interaction": "login", "notice": "recall", "response": "opened", "card_transaction": "refund"}


def example(kind: type[AnyEvent]) -> AnyEvent:
    """An event of this type with every field that must be there, some others, and text that JSON has to escape."""
    name = event_type_name(kind)
    text = dict.fromkeys(kind.__struct_fields__, 'é\u2028"\\')
    given = text | {"position": -1, "kind": KIND.get(name)} | MINIMAL
    fields = {field: given[field] for field in kind.__struct_fields__ if field in MINIMAL or field in required(kind)}
    return msgspec.convert(fields | {"type": name} | ({"kind": KIND[name]} if name in KIND else {}), kind)


def required(kind: type[AnyEvent]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind) if field.required}


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=event_type_name)
@pytest.mark.parametrize("traceparent", [None, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
def test_an_event_comes_through_a_dump_without_loss(kind: type[AnyEvent], traceparent: str | None) -> None:
    entry = EventEntry(example(kind), Source("source", 3, 2**40), traceparent)
    assert journal_lines.decode(journal_lines.encode(2, JournalRecord(17, entry))) == (2, JournalRecord(17, entry))


def test_the_other_kinds_come_through_a_dump_without_loss() -> None:
    content = journal.decode_entry(journal.encode_entry(ConfigVersion("v", b'{"b":1,"a":{"x":"\xc3\xa9"}}', 3)))
    for entry in (Tick(5), content, Forget("request", "ada", 9)):
        line = journal_lines.encode(1, JournalRecord(4, entry))
        assert b"\n" not in line
        assert msgspec.json.decode(line)["kind"] == journal.kind_of(entry)
        assert journal_lines.decode(line) == (1, JournalRecord(4, entry))
