"""Records that were gone before they were read: a source's retention was shorter than an outage.

Nobody skips them unasked: the worker stops and says which, and an operator moves the group's position past them.
"""

from collections.abc import Mapping

import aiokafka
from aiokafka import TopicPartition


class RecordsGone(Exception):  # noqa: N818 - it says what is the matter
    """The log no longer has what comes next; says where, from which offset, up to which."""


async def check(consumer: aiokafka.AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
    """See that each place still has its next record.

    Raises:
        RecordsGone: names every place that hasn't.
    """
    starts = await consumer.beginning_offsets(list(positions))
    gone = [
        f"{place.topic}, partition {place.partition}: offsets {positions[place]} to {starts[place] - 1} are gone"
        for place in sorted(positions)
        if positions[place] < starts[place]
    ]
    if gone:
        raise RecordsGone("; ".join(gone))
