"""What comes next in a source can't be read any more: its record was removed, or the log is another one.

Nobody skips records unasked: the worker stops and says which, and an operator decides where it goes on.
"""

from collections.abc import Iterable, Mapping

import aiokafka
from aiokafka import TopicPartition


class RecordsGone(Exception):  # noqa: N818 - it says what is the matter
    """The log no longer has what comes next: retention was shorter than an outage.

    Says where, from which offset, up to which.
    """


class LogReplaced(Exception):  # noqa: N818 - it says what is the matter
    """The log isn't the one that was read: a topic that was deleted, and perhaps made again; says where."""


async def check(consumer: aiokafka.AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
    """See that each place still has its next record, or will have it.

    Raises:
        RecordsGone, LogReplaced: names every place where that isn't so.
    """
    starts = await consumer.beginning_offsets(list(positions))
    gone = [
        f"{_named(place)}: offsets {positions[place]} to {starts[place] - 1} are gone"
        for place in sorted(positions)
        if positions[place] < starts[place]
    ]
    if gone:
        raise RecordsGone("; ".join(gone))
    ends = await consumer.end_offsets(list(positions))
    beyond = [
        f"{_named(place)}: ends at offset {ends[place]}, read up to {positions[place]}; was the topic made again?"
        for place in sorted(positions)
        if positions[place] > ends[place]
    ]
    if beyond:
        raise LogReplaced("; ".join(beyond))


def away(places: Iterable[TopicPartition]) -> LogReplaced:
    """These were there, and then were not."""
    return LogReplaced("; ".join(f"{_named(place)}: was away; was the topic deleted?" for place in places))


def _named(place: TopicPartition) -> str:
    return f"{place.topic}, partition {place.partition}"
