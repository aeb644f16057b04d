"""JSON Schemas of the config files, so that an editor completes and checks them while they are written.

Made from the same structs that check them. Editors know draft 7: what is written here is in the common subset.
"""

from typing import Any

import msgspec

from agents.config_files import POLICY_FILE, TRIGGERS_FILE
from agents.sources import SOURCES_FILE
from streams.config import MODES
from streams.mapping.document import TYPES, SourcesDocument
from streams.mapping.values import kinds
from streams.policy import Policy
from streams.trigger import Trigger, load

DRAFT = "http://json-schema.org/draft-07/schema#"
_REFERENCE = "#/definitions/{name}"
Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """The schema of each file, by the name of its own file: `triggers.json` for `triggers.yaml`."""
    return {name.replace(".yaml", ".json"): made for name, made in _by_file().items()}


def encode(schema: Schema) -> str:
    """As it is committed."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _by_file() -> dict[str, Schema]:
    return {TRIGGERS_FILE: _triggers(), POLICY_FILE: _policy(), SOURCES_FILE: _sources()}


def _triggers() -> Schema:
    triggers = list(load().values())
    found, definitions = msgspec.json.schema_components([one.config for one in triggers], ref_template=_REFERENCE)
    settings = {}
    for one, reference in zip(triggers, found, strict=True):
        parameters = definitions.pop(reference["$ref"].rpartition("/")[2]) | {"title": one.name}
        definitions[one.name] = parameters
        settings[one.name] = _settings(one, parameters)
    return _file("triggers", "How each trigger runs.", settings, definitions)


def _settings(one: Trigger, parameters: Schema) -> Schema:
    mode = {"description": "off, shadow (decides and records, sends nothing) or live", "enum": list(MODES)}
    title = one.documentation.partition("\n")[0]
    shadow = {"$ref": _REFERENCE.format(name=one.name)}
    properties = {"mode": mode, **parameters["properties"], "shadow": shadow}
    return {**parameters, "description": title, "properties": properties}


def _policy() -> Schema:
    [reference], definitions = msgspec.json.schema_components([Policy], ref_template=_REFERENCE)
    policy = definitions.pop(reference["$ref"].rpartition("/")[2])
    return _file("policy", "Limits that hold across triggers.", policy["properties"], definitions)


def _sources() -> Schema:
    """Each type of event with the fields that it has: an editor offers these alone."""
    [_], definitions = msgspec.json.schema_components([SourcesDocument], ref_template=_REFERENCE)
    document, source = definitions.pop("SourcesDocument"), definitions.pop("SourceSettings")
    plain = source["properties"]["fields"]["anyOf"][0]
    of_type = []
    for name, event in TYPES.items():
        fields = dict.fromkeys(kinds(event), plain["additionalProperties"])
        shape = {**plain, "properties": fields, "additionalProperties": False}
        of_type.append({"properties": {"type": {"const": name}, "fields": shape}})
    document["properties"]["sources"]["additionalProperties"] = source | {"anyOf": of_type}
    return {"$schema": DRAFT, **document, "definitions": definitions}


def _file(key: str, description: str, properties: Schema, definitions: Schema) -> Schema:
    inner = {"type": "object", "description": description, "properties": properties, "additionalProperties": False}
    return {
        "$schema": DRAFT,
        "type": "object",
        "properties": {key: inner},
        "additionalProperties": False,
        "definitions": definitions,
    }
