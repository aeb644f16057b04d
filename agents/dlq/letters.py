"""The dead letters that are on their topic, with what became of each since."""

from collections.abc import Callable, Iterable

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct

from agents.kafka_reader import committed_records
from agents.topic_admin import MissingTopic, partition_counts
from agents.unit_of_work import Place
from agents.verify import coordinates
from streams import topics
from streams.dead_letters import REPLAYED
from streams.journal import Source


class Letter(Struct, kw_only=True):
    """One dead letter.

    Attributes:
        offset: in its own topic, in the partition of the source's number.
        at_ms: when it was written.
        body: as it is stored: masked and cut; None where the source's value was null, or where it wasn't wanted.
        replayed: whether it has become a journal entry since.
    """

    source: Source
    offset: int
    reason: str
    message: str
    at_ms: int
    key: str | None
    body: str | None = None
    replayed: bool = False


class Wanted(Struct, frozen=True):
    """Which letters are meant: of one of these reasons and from one of these places; empty: any.

    Attributes:
        places: topic, partition and offset of the source, the last two as far as given.
    """

    reasons: tuple[str, ...] = ()
    places: tuple[tuple[str, ...], ...] = ()

    def __contains__(self, letter: Letter) -> bool:
        source = letter.source
        whole = (source.topic, str(source.partition), str(source.offset))
        is_from = not self.places or any(whole[: len(place)] == place for place in self.places)
        return is_from and (not self.reasons or letter.reason in self.reasons)


Progress = Callable[[int], object]
ANY = Wanted()


async def read(
    kafka: str, wanted: Wanted = ANY, progress: Progress = lambda _: None, *, bodies: bool = False
) -> list[Letter]:
    """The wanted letters, ordered by source and offset; what isn't a dead letter of ours is passed over.

    Raises:
        MissingTopic: there is no such topic.
        KafkaError, TimeoutError: the broker is out of reach, or went away.
    """
    count = (await partition_counts(kafka)).get(topics.DEAD_LETTERS.name)
    if count is None:
        raise MissingTopic(topics.DEAD_LETTERS.name)
    found: dict[Source, Letter] = {}
    async for _, records in committed_records(kafka, [Place(topics.DEAD_LETTERS.name, one) for one in range(count)]):
        _collect(found, records, wanted, bodies=bodies)
        progress(len(records))
    return [found[source] for source in sorted(found, key=msgspec.structs.astuple)]


def _collect(found: dict[Source, Letter], records: Iterable[ConsumerRecord], wanted: Wanted, *, bodies: bool) -> None:
    """A marker comes after its letter, in the same partition."""
    for record in records:
        named = dict(record.headers)
        try:
            source = coordinates(named)
        except (KeyError, ValueError):
            continue
        if REPLAYED in named:
            if source in found:
                found[source].replayed = True
        elif (letter := _letter(source, record, named, bodies=bodies)) in wanted:
            found[source] = letter


def _letter(source: Source, record: ConsumerRecord, named: dict[str, bytes], *, bodies: bool) -> Letter:
    return Letter(
        source=source,
        offset=record.offset,
        reason=_text(named.get("bellwether.reason")) or "unknown",
        message=_text(named.get("__connect.errors.exception.message")) or "",
        at_ms=record.timestamp,
        key=_text(record.key),
        body=_text(record.value) if bodies else None,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
