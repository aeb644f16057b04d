"""Maps from files, such as card to customer: CSV with a header line, or one JSON object of texts."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from streams.mapping.document import MapSettings
from streams.mapping.fed import entry


class MapError(Exception):
    """A file that holds no map; says the line where there is one, and never what stands there."""


def read(file: Path, settings: MapSettings) -> dict[str, str]:
    """What each key is mapped to; blanks around both are taken off.

    Raises:
        MapError: the file can't be read, or an entry is none, repeats a key otherwise, or holds a card number.
    """
    found: dict[str, str] = {}
    try:
        for where, key, value in _json(file) if file.suffix == ".json" else _csv(file, settings):
            _add(found, where, key, value)
    except OSError as error:
        raise MapError(f"{file} can't be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error, msgspec.MsgspecError) as error:
        raise MapError(f"{file}: expected CSV with a header line, or {{key: value}} in a .json file") from error
    return found


def _csv(file: Path, settings: MapSettings) -> Iterator[tuple[str, str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        for column in (settings.key, settings.value):
            if column not in (rows.fieldnames or ()):
                raise MapError(f"{file}:1: expected the columns {settings.key} and {settings.value}")
        for row in rows:
            yield f"{file}:{rows.line_num}", row[settings.key] or "", row[settings.value] or ""


def _json(file: Path) -> Iterable[tuple[str, str, str]]:
    entries = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    return ((f"{file}, entry {number}", key, value) for number, (key, value) in enumerate(entries.items(), 1))


def _add(found: dict[str, str], where: str, key: str, value: str) -> None:
    try:
        name, means = entry(key.encode()), entry(value.encode())
    except ValueError as error:
        raise MapError(f"{where}: {error}") from error
    if found.setdefault(name, means) != means:
        raise MapError(f"{where}: this key stands there before, with another value")
