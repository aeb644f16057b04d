"""The folder of config files that a command is given: its rules, and its sources."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

from agents import config_files
from agents import sources as source_files
from agents.cli.output import FINDINGS, CommandError, on_kafka, settings
from agents.config_parts import ConfigError
from streams.config import Config
from streams.sources import Sources

T = TypeVar("T")
Folder = Annotated[
    Path | None, Parameter(name="--config", help="Folder with triggers.yaml. Default: BELLWETHER_CONFIG, else ours.")
]


def read(folder: Path | None) -> Config:
    """The config of a folder, by default the environment's.

    Raises:
        CommandError: it isn't valid; says every fault.
    """
    return _loaded(config_files.load, folder)


def sources(folder: Path | None = None) -> Sources:
    """The sources of a folder, by default the environment's.

    Raises:
        CommandError: they aren't valid; says every fault.
    """
    return _loaded(source_files.load, folder)


def filled_sources(folder: Path | None = None) -> Sources:
    """The same, ready to read records with: maps that topics feed are read from Kafka, if there are any.

    Raises:
        CommandError: as above, or Kafka is out of reach.
    """
    found = sources(folder)
    if not found.fed:
        return found
    from agents.map_topics import filled  # noqa: PLC0415 - slow to import, and most need no Kafka

    kafka = settings().kafka
    return on_kafka(kafka, filled(kafka, found))


def _loaded(load: Callable[[Path], T], folder: Path | None) -> T:
    try:
        return load(folder or settings().config)
    except ConfigError as error:
        raise CommandError(str(error), FINDINGS) from error
