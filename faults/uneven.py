"""Source topics as a bank has them: some with more partitions than the journal, some with fewer; and they grow."""

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from msgspec import structs

from agents.sources import OURS
from streams.sources import Sources

COUNTS = {"card-transactions": 7, "account-movements": 3, "profiles": 1, "interactions": 12}


def uneven(counts: dict[str, int], sources: Sources = OURS) -> Sources:
    """Sources with so many partitions; those that aren't named have as many as the journal."""
    some = (structs.replace(one, partitions=counts.get(one.name, one.partitions)) for one in sources.topics)
    return structs.replace(sources, topics=tuple(some))


async def grow(kafka: str, topic: str, partitions: int) -> None:
    """Give a topic so many partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(partitions)})
    finally:
        await admin.close()


SOURCES = uneven(COUNTS)
