"""The topics as an AsyncAPI 3.0 document, made from the catalogue (`streams.topics`) and the structs on the wire.

Payloads are JSON Schema as AsyncAPI reads it, draft 7: what msgspec says in later words is put into earlier ones.
Source: the AsyncAPI specification 3.0.0, and its Kafka bindings 0.5.0.
"""

import inspect
from typing import Any, get_args

import msgspec

from agents.pages.shapes import one_line
from agents.topic_admin import wanted_settings
from streams import topics
from streams.actions import Decision, headers
from streams.dead_letters import REASONS, dead_letter, marker, rejected
from streams.events import EVENT_TYPES, event_type_name
from streams.journal import Entry, Source
from streams.topics import Topic

Document = dict[str, Any]
ASYNCAPI = "3.0.0"
BINDING = "0.5.0"
_TEXT: Document = {"type": "string"}
_SCHEMAS = "#/components/schemas/{name}"
_REPLACED = {"prefixItems": "items", "discriminator": None}  # None: left out, each branch names its type anyway
_ROLES = {
    **dict.fromkeys(topics.SOURCES, ("source", "receive", "What customers do, as the company's own systems tell it.")),
    topics.JOURNAL: ("journal", "send", "Internal: everything that can change a decision, in one order per customer."),
    topics.CHANGELOG: ("state", "send", "Internal: the latest state of each customer."),
    topics.FRAUD_CHECK_ACTIONS: ("action", "send", "Fraud checks that are to be made now."),
    topics.RETENTION_ACTIONS: ("action", "send", "What is to be done now so that a customer stays."),
    topics.DECISIONS: ("decision", "send", "Every candidate's outcome, with its reason: also what wasn't sent."),
    topics.DEAD_LETTERS: ("dead_letter", "send", "Source records that are no event, with the reason."),
}


def document(version: str) -> Document:
    """The document; `version` is the release that it is of."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Bellwether",
            "version": version,
            "description": "Source topics are read, action topics and decisions are written, each exactly once. "
            "A record's key is text; partitions are chosen by murmur2, as Java clients do.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics.ALL},
        "operations": {f"{action(topic)}-{topic.name}": _operation(topic) for topic in topics.ALL},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def action(topic: Topic) -> str:
    """`receive` or `send`, from Bellwether's side."""
    return _ROLES[topic][1]


def description(topic: Topic) -> str:
    """What the topic is for, in a sentence."""
    return _ROLES[topic][2]


def message_name(topic: Topic) -> str:
    """The message that its records are: of a source topic, the type of event."""
    return _ROLES[topic][0] if topic.carries is None else event_type_name(topic.carries)


def _channel(topic: Topic) -> Document:
    settings: Document = dict(wanted_settings(topic))
    policy = {"cleanup.policy": settings.pop("cleanup.policy").split(",")}
    binding = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": policy | {name: int(value) for name, value in settings.items()},
        "bindingVersion": BINDING,
    }
    name = message_name(topic)
    return {
        "address": topic.name,
        "description": description(topic),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"kafka": binding},
    }


def _operation(topic: Topic) -> Document:
    return {
        "action": action(topic),
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{message_name(topic)}"}],
    }


def _messages() -> Document:
    events = {event_type_name(kind): _message(kind.__name__, _event_key()) for kind in EVENT_TYPES}
    decided = {"headers": _headers(decision_headers(), {"ce_id", "ce_time", "ce_type", "ce_source", "traceparent"})}
    return {
        **events,
        "journal": _message("Entry", "the customer; none for ticks, versions and releases")
        | {"contentType": "application/msgpack", "description": "A msgpack array that begins with its kind."},
        "state": _message(None, "the customer") | {"contentType": "application/octet-stream"},
        "action": _message("Decision", "the customer") | decided,
        "decision": _message("Decision", "the customer") | decided,
        "dead_letter": _message(None, "as at the source, masked") | {"headers": _letter_headers()},
    }


def _event_key() -> str:
    return "any: the record itself names the customer"


def _message(schema: str | None, key: str) -> Document:
    binding = {"key": _TEXT | {"description": key}, "bindingVersion": BINDING}
    payload = {"payload": {"$ref": _SCHEMAS.format(name=schema)}} if schema else {}
    return {**payload, "bindings": {"kafka": binding}}


def _headers(named: dict[str, str], variable: set[str]) -> Document:
    """What headers a record has; those that aren't variable always say the same."""
    properties = {name: _TEXT if name in variable else {"const": value} for name, value in named.items()}
    return {"type": "object", "properties": properties, "required": [name for name in named if name != "traceparent"]}


def decision_headers() -> dict[str, str]:
    """The headers of some decision, by name, in their order."""
    decision = Decision(
        id="id",
        candidate="id",
        trigger="trigger",
        family="fraud",
        action="clear",
        customer="customer",
        outcome="sent",
        config_version="version",
        event_at_ms=0,
        decided_at_ms=0,
        traceparent="traceparent",
    )
    return {name: value.decode() for name, value in headers(decision)}


def letter_headers() -> list[str]:
    """The headers of a dead letter, then those that only the mark of its replay has."""
    source = Source("topic", 0, 0)
    letters = (dead_letter(rejected("empty", "", None), source, None), marker(source, 0, None))
    return list(dict.fromkeys(name for letter in letters for name, _ in letter.headers))


def _letter_headers() -> Document:
    properties = dict.fromkeys(letter_headers(), _TEXT) | {"bellwether.reason": {"enum": list(REASONS)}}
    return {"type": "object", "properties": properties}


def _schemas() -> Document:
    kinds = [*get_args(Entry), *EVENT_TYPES, Decision]
    _, found = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    entries = [{"$ref": _SCHEMAS.format(name=kind.__name__)} for kind in get_args(Entry)]
    return {"Entry": {"anyOf": entries}, **{name: _draft_7(found[name]) for name in sorted(found)}}


def _draft_7(shape: Any) -> Any:
    """The same in words that AsyncAPI's own schema language has; documentation without its indentation."""
    if isinstance(shape, list):
        return [_draft_7(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    named = {_REPLACED.get(name, name): value for name, value in shape.items() if _REPLACED.get(name, name)}
    return {name: _text(value) if name == "description" else _draft_7(value) for name, value in named.items()}


def _text(value: Any) -> Any:
    if not isinstance(value, str):  # a field that is named so
        return _draft_7(value)
    first, _, rest = inspect.cleandoc(value).partition("\n\n")
    return "\n\n".join(part for part in (one_line(first), rest) if part)
