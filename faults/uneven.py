"""Source topics as a bank has them: some with more partitions than the journal, some with fewer."""

from msgspec import structs

from agents.sources import OURS
from streams.sources import Sources

COUNTS = {"card-transactions": 7, "account-movements": 3, "profiles": 1, "interactions": 12}


def uneven(counts: dict[str, int]) -> Sources:
    """Our sources with so many partitions; those that aren't named have as many as the journal."""
    some = (structs.replace(one, partitions=counts.get(one.name, one.partitions)) for one in OURS.topics)
    return structs.replace(OURS, topics=tuple(some))


SOURCES = uneven(COUNTS)
