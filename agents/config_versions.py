"""The config versions in the journal: where each partition switched to them, and which one decides."""

from collections.abc import Iterable
from contextlib import aclosing

import msgspec
from msgspec import Struct, field

from agents.kafka_reader import committed_records
from agents.topic_admin import MissingTopic, partition_counts
from agents.unit_of_work import Place
from streams.journal import ConfigVersion, is_config
from streams.topics import JOURNAL

Found = tuple[int, int, ConfigVersion]
_decode = msgspec.msgpack.Decoder(ConfigVersion).decode


class Applied(Struct):
    """One time that a version was applied; `positions` is its journal offset by partition."""

    entry: ConfigVersion
    positions: dict[int, int] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Its name."""
        return self.entry.version


class History(Struct, frozen=True):
    """Every application, oldest first, in a journal of so many partitions."""

    applied: list[Applied]
    partitions: int

    @property
    def live(self) -> Applied | None:
        """What decides from the journal's end on; None where there is none yet, or not everywhere the same."""
        last = self.applied[-1] if self.applied else None
        return last if last is not None and len(last.positions) == self.partitions else None

    @property
    def before(self) -> Applied | None:
        """The last one that was another version than the live one."""
        live = self.live.version if self.live else None
        return next((one for one in reversed(self.applied) if one.version != live), None)

    def named(self, version: str) -> list[Applied]:
        """The latest application of each version of that name, or whose name begins so."""
        latest = {one.version: one for one in self.applied}
        if version in latest:
            return [latest[version]]
        return [one for name, one in latest.items() if version and name.startswith(version)]


async def read(kafka: str) -> History:
    """Read the journal through for its config versions.

    Raises:
        MissingTopic: there is no journal.
        KafkaError, TimeoutError: the broker is out of reach, or went away.
    """
    count = (await partition_counts(kafka)).get(JOURNAL.name)
    if count is None:
        raise MissingTopic(JOURNAL.name)
    found: list[Found] = []
    places = [Place(JOURNAL.name, number) for number in range(count)]
    async with aclosing(committed_records(kafka, places)) as reading:
        async for place, records in reading:
            versions = [one for one in records if one.value and is_config(one.value)]
            found += [(place.partition, one.offset, _decode(one.value)) for one in versions]
    return History(together(found), count)


def together(found: Iterable[Found]) -> list[Applied]:
    """The entries that were applied at once, as one; in each partition they must come in order."""
    counts: dict[tuple[int, ConfigVersion], int] = {}
    turns: dict[int, int] = {}
    by_time: dict[tuple[ConfigVersion, int], tuple[int, Applied]] = {}
    for partition, offset, entry in found:
        nth = counts[partition, entry] = counts.get((partition, entry), 0) + 1
        turn = turns[partition] = turns.get(partition, 0) + 1
        before, applied = by_time.get((entry, nth), (0, Applied(entry)))
        applied.positions[partition] = offset
        by_time[entry, nth] = (max(before, turn), applied)
    return [applied for _, applied in sorted(by_time.values(), key=lambda one: one[0])]
