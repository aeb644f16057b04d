"""Where a consumer group is, as its coordinator says: for whoever looks at lag, and for what an operator set."""

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

from agents import clients
from agents.kafka_log import OURS
from agents.unit_of_work import Place

ANSWER_SECONDS_MAX = 60.0
COORDINATOR_PAUSE_SECONDS = 0.1


class Positions(dict[Place, int | None]):
    """A group's committed offset of each place, None where it has none; `ours` are those that a lane told it."""

    def __init__(self, committed: Mapping[Place, OffsetAndMetadata]) -> None:
        super().__init__({place: one.offset if one.offset >= 0 else None for place, one in committed.items()})
        self.ours = {place for place, one in committed.items() if one.metadata == OURS}

    def of(self, places: Iterable[Place]) -> "Positions":
        """The same, of these places only."""
        some = Positions({})
        some.update({place: self[place] for place in places})
        some.ours = self.ours & some.keys()
        return some


async def committed_positions(bootstrap_servers: str, group: str, places: Iterable[Place]) -> Positions:
    """Where the group is in each place."""
    partitions = [TopicPartition(*place) for place in places]
    admin = AIOKafkaAdminClient(**clients.to_kafka(bootstrap_servers))
    await admin.start()
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            committed = await group_offsets(admin, group, partitions)
    finally:
        await admin.close()
    nowhere = OffsetAndMetadata(-1, "")
    return Positions({Place(*partition): committed.get(partition, nowhere) for partition in partitions})


async def group_offsets(
    admin: AIOKafkaAdminClient, group: str, partitions: list[TopicPartition]
) -> Mapping[TopicPartition, OffsetAndMetadata]:
    """What the group committed. A broker without any group yet is still making its coordinator: wait for that."""
    while True:
        try:
            offsets: Mapping[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(
                group, partitions=partitions
            )
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(COORDINATOR_PAUSE_SECONDS)
        else:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError  # `wait_for`, in the client, loses one that comes just when it is done
            return offsets
