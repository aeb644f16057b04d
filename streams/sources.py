"""The source topics of a deployment, and how each is read."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct, convert, structs

from streams import topics
from streams.events import event_type_name
from streams.intake import Reader
from streams.mapping.conversions import Tables
from streams.mapping.document import TYPES, SourcesDocument, SourceSettings
from streams.mapping.fed import FedMap
from streams.mapping.reader import MappedReader
from streams.topics import DAY_MS, Topic

OWN = {topic.name: topic for topic in topics.SOURCES}
_OWN_TYPES = {name: {"type": event_type_name(topic.carries)} for name, topic in OWN.items() if topic.carries}
OURS = convert({"sources": _OWN_TYPES}, SourcesDocument)


class Sources(Struct, frozen=True):
    """What is read.

    Attributes:
        topics: in the order of the file; the workers read them.
        retired: not read any more; journal entries and dead letters of them are still accounted for.
        readers: of all of these, by topic.
        fed: maps that topics feed; who reads records must keep them up to date.
    """

    topics: tuple[Topic, ...]
    retired: tuple[Topic, ...]
    readers: Mapping[str, Reader]
    fed: tuple[FedMap, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the topics that are read."""
        return tuple(topic.name for topic in self.topics)

    @property
    def known(self) -> tuple[Topic, ...]:
        """All that an entry may have come from."""
        return (*self.topics, *self.retired)


NONE = Sources(topics=(), retired=(), readers={})  # for who reads the journal and what came of it alone


def built(document: SourcesDocument, tables: Tables, currencies: AbstractSet[str]) -> Sources:
    """The sources of a document that is free of faults (`streams.mapping.faults`).

    `tables` has the maps that come from files; those that a topic feeds begin empty.
    """
    fed = {name: FedMap(one.topic, one.value) for name, one in document.maps.items() if one.topic is not None}
    tables = Tables(tables.decimals, {**tables.maps, **{name: one.entries for name, one in fed.items()}})
    found = {name: (_topic(name, one), one) for name, one in document.sources.items()}
    return Sources(
        topics=tuple(topic for topic, one in found.values() if not one.retired),
        retired=tuple(topic for topic, one in found.values() if one.retired),
        readers={name: _reader(topic, one, tables, currencies) for name, (topic, one) in found.items()},
        fed=tuple(fed.values()),
    )


def _topic(name: str, settings: SourceSettings) -> Topic:
    """The catalogue's own where it is one, with the type that it carries here."""
    carries = TYPES[settings.type]
    if name in OWN:
        return structs.replace(OWN[name], carries=carries)
    return Topic(name, key="any", retention_ms=7 * DAY_MS, carries=carries)


def _reader(topic: Topic, settings: SourceSettings, tables: Tables, currencies: AbstractSet[str]) -> Reader:
    """Our own names need no mapping: they are decoded straight into the event."""
    if settings.fields is None:
        return Reader(topic, currencies)
    return MappedReader(topic, settings, tables, currencies)
