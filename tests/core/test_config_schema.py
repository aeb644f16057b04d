"""The schemas that editors read are those of the code, and know every key of the shipped files."""

import re
from pathlib import Path
from typing import Any

import pytest

from agents import config_schema, yaml_file
from agents.settings import PACKAGED_CONFIG
from streams.policy import Policy
from streams.trigger import load

SCHEMAS = config_schema.schemas()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_committed_schema_is_current_and_its_file_names_it(name: str) -> None:
    committed = (PACKAGED_CONFIG / "schema" / name).read_text(encoding="utf-8")
    assert committed == config_schema.encode(SCHEMAS[name]), "run: make docs"
    first = (PACKAGED_CONFIG / name.replace(".json", ".yaml")).read_text().partition("\n")[0]
    assert first == f"# yaml-language-server: $schema=schema/{name}"


def test_it_knows_every_trigger_and_parameter_and_nothing_else() -> None:
    triggers = SCHEMAS["triggers.json"]["properties"]["triggers"]
    assert triggers["properties"].keys() == load().keys()
    for name, one in load().items():
        settings = triggers["properties"][name]
        assert settings["properties"].keys() >= {"mode", *one.config.__struct_fields__}
        assert settings["additionalProperties"] is False
    assert SCHEMAS["policy.json"]["properties"]["policy"]["properties"].keys() == set(Policy.__struct_fields__)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_reference_leads_somewhere_and_no_word_is_newer_than_draft_7(name: str) -> None:
    text = config_schema.encode(SCHEMAS[name])
    names = set(re.findall(r'"\$ref": "#/definitions/(\w+)"', text))
    assert names == SCHEMAS[name]["definitions"].keys()
    assert not re.search(r'"(\$defs|prefixItems|dependentRequired|unevaluatedProperties|\$dynamicRef)"', text)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_key_of_the_shipped_file_is_one_of_the_schema(name: str) -> None:
    shipped = yaml_file.read((PACKAGED_CONFIG / name.replace(".json", ".yaml")).read_bytes()).value
    assert list(_strangers(shipped, SCHEMAS[name], SCHEMAS[name]["definitions"])) == []
    assert list(_strangers({"nothing": 1}, SCHEMAS[name], {})) == ["nothing"]


def _strangers(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, dict):
        others = schema.get("additionalProperties")
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key) or (others if isinstance(others, dict) else None)
            if known is None and others is not True:
                yield key
            elif known is not None:
                yield from _strangers(inner, known, definitions)


def test_the_folder_has_no_other_schema() -> None:
    assert {path.name for path in Path(PACKAGED_CONFIG / "schema").iterdir()} == SCHEMAS.keys()
