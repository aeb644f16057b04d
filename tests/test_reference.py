"""The reference is what the code says now, and its AsyncAPI document holds together and describes what is sent."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.cli.docs import reference
from agents.pages import config_page, shapes
from agents.pages.reference import topics_document
from streams import topics
from streams.actions import Decision, Measure, encode_decision, headers
from streams.dead_letters import dead_letter, rejected
from streams.events import Cause
from streams.journal import Source
from tests.conftest import Ended

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
DOCUMENT: dict[str, Any] = json.loads(topics_document())
DECISION = Decision(
    id="id",
    candidate="id",
    trigger="card_testing",
    family="fraud",
    action="verify_with_cardholder",
    customer="c1",
    outcome="sent",
    measured={"purchases": Measure(3, 2)},
    causes=(Cause("e1", 0),),
    config_version="v1",
    event_at_ms=0,
    decided_at_ms=0,
    traceparent="00-1-2-01",
)


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    assert reference(folder=FOLDER, check=True) == 0, "write it: bellwether docs reference"
    assert reference(folder=tmp_path, check=True) == 1
    assert reference(folder=tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.iterdir()}


def test_the_document_is_printed(bellwether: Callable[..., Ended]) -> None:
    ended = bellwether("topics", "asyncapi")
    assert (ended.code, json.loads(ended.out)) == (0, DOCUMENT)


def references(part: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref" and isinstance(value, str))
        yield from (one for value in part.values() for one in references(value))
    elif isinstance(part, list):
        yield from (one for value in part for one in references(value))


def resolved(reference: str) -> Any:
    """What a reference leads to; fails if it leads nowhere."""
    found: Any = DOCUMENT
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


def test_every_reference_leads_somewhere_and_every_message_and_schema_is_referred_to() -> None:
    found = set(references(DOCUMENT))
    assert all(isinstance(resolved(one), dict) for one in found)
    parts = [("messages", set()), ("schemas", {"Entry"})]
    for name, spared in parts:
        named = {f"#/components/{name}/{key}" for key in DOCUMENT["components"][name] if key not in spared}
        assert named <= found


def test_every_topic_has_a_channel_and_an_operation_with_its_message() -> None:
    assert list(DOCUMENT["channels"]) == [topic.name for topic in topics.ALL]
    actions = {topic.name: "receive" if topic in topics.SOURCES else "send" for topic in topics.ALL}
    for operation in DOCUMENT["operations"].values():
        channel = resolved(operation["channel"]["$ref"])
        assert operation["action"] == actions.pop(channel["address"])
        assert [resolved(one["$ref"]) for one in operation["messages"]] == list(channel["messages"].values())
    assert actions == {}


def test_bindings_say_what_the_broker_is_told() -> None:
    binding = DOCUMENT["channels"]["decisions"]["bindings"]["kafka"]
    assert binding["partitions"] == topics.DECISIONS.partitions
    assert binding["topicConfiguration"] == {
        "cleanup.policy": ["delete"],
        "max.message.bytes": 1_048_588,
        "retention.ms": topics.DECISIONS.retention_ms,
    }


def test_headers_are_those_that_are_sent() -> None:
    messages = DOCUMENT["components"]["messages"]
    said = messages["action"]["headers"]
    sent = {name: value.decode() for name, value in headers(DECISION)}
    assert list(said["properties"]) == list(sent)
    assert {*said["required"], "traceparent"} == set(sent)
    fixed = {name: one["const"] for name, one in said["properties"].items() if "const" in one}
    assert fixed == {"ce_specversion": "1.0", "content-type": "application/json"}
    assert fixed.items() <= sent.items()
    letter = dead_letter(rejected("empty", "", None), Source("t", 0, 0), None)
    assert {name for name, _ in letter.headers} <= set(messages["dead_letter"]["headers"]["properties"])


def test_payloads_have_the_fields_that_are_sent() -> None:
    schema = resolved(resolved("#/components/messages/decision")["payload"]["$ref"])
    sent = msgspec.json.decode(encode_decision(DECISION))
    assert set(sent) == set(schema["properties"])
    cause = resolved(schema["properties"]["causes"]["items"]["$ref"])
    assert [one["type"] for one in cause["items"]] == ["string", "integer"]
    assert not {"prefixItems", "discriminator"} & set(json.dumps(DOCUMENT).split('"'))


def test_a_key_that_holds_keys_has_rows_for_them_with_the_defaults_of_that_place() -> None:
    text = config_page.documentation()
    assert "| `policy.caps.week` | integer | `2` | ≥ 0, ≤ 100 |" in text
    assert "| `policy.runaway.fraud.floor` | integer | `5000` | ≥ 1 | so many in any case |" in text
    assert "| `policy.offers.NAME.NAME.cost_minor` | integer | `0` | ≥ 0 |" in text


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map to integer"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"enum": ["a", "b"]}, "one of `a`, `b`"),
        ({"$ref": "#/definitions/Limit"}, "Limit"),
    ],
)
def test_a_schema_is_told_in_words(shape: shapes.Shape, words: str) -> None:
    assert shapes.kind(shape) == words


def test_fields_that_share_a_line_of_documentation_are_told_apart() -> None:
    fields = "        first: one; `second`: two\n            and more.\n        third: three."
    shape = {"description": f"What it is.\n\n    Attributes:\n{fields}"}
    assert shapes.summary(shape) == "What it is."
    assert shapes.attributes(shape) == {"first": "one", "second": "two and more.", "third": "three."}
