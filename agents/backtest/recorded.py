"""What was decided live, held against what the journal leads to under the rules that were live: byte for byte."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from agents.audit.log import Span, opened
from agents.backtest.course import DIGEST_BYTES, digest
from agents.group_positions import committed_positions
from agents.unit_of_work import Place
from streams import sources, topics

Digests = list[bytes]


class Live(Struct, frozen=True, kw_only=True):
    """The comparison. `is_equal`: None where nothing was compared; `compared`: decisions, `differences` in words."""

    is_equal: bool | None
    statement: str
    compared: int = 0
    differences: list[str] = []


NOT_COMPARED = Live(is_equal=None, statement="not compared")
NOT_LIVE = Live(is_equal=None, statement="not compared: the old side isn't what was live")


class Published(Struct, frozen=True):
    """A partition's decisions in order; `is_cut`: the oldest may be gone, `goes_on`: there may be newer ones."""

    digests: Digests
    is_cut: bool = False
    goes_on: bool = False


async def decided_below(kafka: str) -> dict[int, int]:
    """Up to which journal offset the workers have published, by partition: the first that isn't decided."""
    places = [Place(topics.JOURNAL.name, number) for number in range(topics.JOURNAL.partitions)]
    positions = await committed_positions(kafka, topics.APP, places)
    return {place.partition: max(0, positions[place] or 0) for place in places}


async def on_kafka(kafka: str) -> dict[int, Published]:
    """What is in the topic of decisions, by partition.

    Raises:
        MissingTopic, KafkaError, TimeoutError: see `agents.audit.log.opened`.
    """
    found: dict[int, Digests] = {number: [] for number in range(topics.DECISIONS.partitions)}
    async with opened(kafka, sources.NONE) as log:
        starts, ends = await log.starts(), await log.ends()
        spans = {place: Span(starts[place], end) for place, end in ends.items() if place.topic == topics.DECISIONS.name}
        async for place, records in log.read(spans):
            found[place.partition] += [digest(record.value or b"") for record in records]
    cut = {place.partition for place, span in spans.items() if span.start > 0}
    return {number: Published(some, number in cut, goes_on=True) for number, some in found.items()}


def in_file(file: Path, made: Mapping[int, bytes]) -> dict[int, Published]:
    """Decisions from a file, one a line, ordered by partition, as `bellwether replay` writes them.

    Each partition takes as many as it should have, the last one what is left.

    Raises:
        OSError: the file can't be read.
    """
    with file.open("rb") as lines:
        every = [digest(line.rstrip(b"\n")) for line in lines]
    found, at = {}, 0
    for number in sorted(made):
        end = len(every) if number == max(made) else at + len(made[number]) // DIGEST_BYTES
        found[number], at = Published(every[at:end]), end
    return found


def compare(made: Mapping[int, bytes], published: Mapping[int, Published]) -> Live:
    """Hold what was made, by partition, as digests one after the other, against what was published."""
    differences, compared = [], 0
    for number, joined in sorted(made.items()):
        digests = [joined[at : at + DIGEST_BYTES] for at in range(0, len(joined), DIGEST_BYTES)]
        live = published.get(number, Published([]))
        if live.is_cut:
            digests = digests[digests.index(live.digests[0]) if live.digests and live.digests[0] in digests else 0 :]
        compared += len(digests)
        differences += _difference(number, digests, live)
    if differences:
        return Live(is_equal=False, compared=compared, statement="NO", differences=differences)
    if not compared:
        return Live(is_equal=None, statement="nothing was decided live that could be compared")
    return Live(is_equal=True, compared=compared, statement=f"yes, {compared:,} decisions, byte for byte")


def _difference(number: int, made: Digests, live: Published) -> list[str]:
    for place, (one, other) in enumerate(zip(made, live.digests, strict=False)):
        if one != other:
            return [f"partition {number}: decision {place + 1} of {len(made)} differs"]
    missing, more = len(made) - len(live.digests), len(live.digests) - len(made)
    if missing > 0:
        return [f"partition {number}: {missing} decisions, from {len(live.digests) + 1} on, were never published"]
    return [f"partition {number}: {more} decisions more than follow from it"] if more > 0 and not live.goes_on else []
