"""The sources from `sources.yaml`: which topics are read, and how their records become events.

A folder without the file has the topics of the catalogue, with our own field names in them.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from agents.config_parts import ConfigError, Part, Problem, line, read
from agents.currencies import CURRENCIES, DECIMALS
from agents.map_files import MapError
from agents.map_files import read as read_map
from agents.yaml_file import Document
from streams import sources
from streams.mapping.conversions import Tables
from streams.mapping.document import TYPES, Field, MapSettings, SourcesDocument, SourceSettings
from streams.mapping.faults import faults
from streams.sources import Sources

SOURCES_FILE = "sources.yaml"
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
OURS: Sources = sources.built(sources.OURS, Tables(DECIMALS, {}), CURRENCIES)


def load(folder: Path) -> Sources:
    """Read a folder's `sources.yaml`, and the files of its maps.

    Raises:
        ConfigError: it can't be read, or says what it can't mean; the same for a map.
    """
    file = folder / SOURCES_FILE
    if not file.exists():
        return OURS
    document, problems = read(file, "sources", "maps")
    problems += _problems(str(file), document)
    if problems:
        raise ConfigError(problems)
    said = msgspec.convert(document.value, SourcesDocument)
    return sources.built(said, Tables(DECIMALS, _maps(file, document, said)), CURRENCIES)


def _maps(file: Path, document: Document, said: SourcesDocument) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    wrong = []
    for name, settings in said.maps.items():
        if settings.file is None:
            continue
        try:
            found[name] = read_map(file.parent / settings.file, settings)
        except MapError as error:
            path = f"maps.{name}.file"
            wrong.append(Problem(str(file), line(document, f"$.{path}"), path, str(error)))
    if wrong:
        raise ConfigError(wrong)
    return found


def _problems(file: str, document: Document) -> Iterator[Problem]:
    """Each value first; only what is of the right kind can be looked at as a whole."""
    for name, settings in document.value.get("maps", {}).items():
        yield from _map_problems(file, document, name, settings)
    some = document.value.get("sources", {})
    if document.value and not some:
        yield Problem(file, line(document, "$.sources"), "sources", "expected at least one source topic")
    for name, settings in some.items():
        found = list(_source_problems(file, document, name, settings))
        yield from found or _meaning_problems(file, document, name)


def _map_problems(file: str, document: Document, name: str, settings: Any) -> Iterator[Problem]:
    path = f"maps.{name}"
    if not isinstance(settings, dict):
        yield Problem(file, document.lines[f"$.{path}"], path, "expected settings, as in {file: cards.csv}")
        return
    found = list(Part(file, document, ("maps", name), MapSettings, _convert).problems())
    if not found and (settings.get("file") is None) == (settings.get("topic") is None):
        found = [Problem(file, document.lines[f"$.{path}"], path, "expected a file or a topic, one of them")]
    yield from found


def _source_problems(file: str, document: Document, name: str, settings: Any) -> Iterator[Problem]:
    path = f"sources.{name}"
    if not TOPIC_NAME.fullmatch(name):
        yield Problem(file, document.lines[f"$.{path}"], path, "expected a topic's name: letters, digits, dot, - and _")
    elif not isinstance(settings, dict):
        yield Problem(
            file, document.lines[f"$.{path}"], path, f"expected settings, as in {{type: {next(iter(TYPES))}}}"
        )
    else:
        bare = {key: value for key, value in settings.items() if key != "fields"}
        alone = Document({"sources": {name: bare}}, document.lines)
        yield from Part(file, alone, ("sources", name), SourceSettings, _convert).problems()
        yield from _fields_problems(file, document, name, settings.get("fields"))


def _fields_problems(file: str, document: Document, name: str, fields: Any) -> Iterator[Problem]:
    path = f"sources.{name}.fields"
    if not isinstance(fields, dict | None):
        yield Problem(file, document.lines[f"$.{path}"], path, "expected each field of the event, and where it lies")
        return
    for field, said in (fields or {}).items():
        place = ("sources", name, "fields", field)
        if isinstance(said, dict):
            yield from Part(file, document, place, Field, partial(_convert_field, place)).problems()
        elif not _is_path(said):
            where = f"{path}.{field}"
            yield Problem(file, document.lines[f"$.{where}"], where, "expected a path, or settings as in {path: a.b}")


def _is_path(said: Any) -> bool:
    """Whether it may be a path, or several."""
    return bool(said) and all(isinstance(one, str) and one for one in (said if isinstance(said, list) else [said]))


def _meaning_problems(file: str, document: Document, name: str) -> Iterator[Problem]:
    settings = msgspec.convert(document.value["sources"][name], SourceSettings)
    for below, what in faults(settings, document.value.get("maps", {}), DECIMALS):
        path = f"sources.{name}.{below}"
        yield Problem(file, line(document, f"$.{path}"), path, what)


def _convert(settings: dict[str, Any]) -> SourcesDocument:
    return msgspec.convert(settings, SourcesDocument)


def _convert_field(place: tuple[str, ...], settings: dict[str, Any]) -> Field:
    """A field alone: without the source around it, which has faults of its own."""
    value: Any = settings
    for key in place:
        value = value[key]
    try:
        return msgspec.convert(value, Field)
    except msgspec.ValidationError as error:
        what, _, below = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{what} - at `$.sources[...].fields[...]{below or '`'}") from None
