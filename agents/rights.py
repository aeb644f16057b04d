"""What access control must grant: to a worker, the least that it works with, and in Kafka to an operator's commands.

`docs/deployment.md` shows the same lists; an integration test grants exactly these on real servers.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from agents.sources import OURS
from streams import topics
from streams.sources import Sources

# What is written through transactions: a lane's are bellwether-0 and so on, commands have some of their own.
TRANSACTIONAL_PREFIX = f"{topics.APP}-"

# A worker's in Redis, as ACL SETUSER takes them; commands need none.
REDIS_KEYS = "bellwether:*"
REDIS_COMMANDS = ("+hget", "+hset", "+zadd", "+zrem", "+del", "+scan", "+evalsha", "+script|load", "+info")

Resource = Literal["topic", "group", "transactional id"]


class Right(Struct, frozen=True):
    """Operations on one resource, as Kafka names both; READ and WRITE include DESCRIBE.

    Attributes:
        is_prefix: whether `name` is the beginning of many names.
    """

    resource: Resource
    name: str
    operations: tuple[str, ...]
    is_prefix: bool = False


def worker(read: Sources) -> tuple[Right, ...]:
    """A worker's, of a deployment with these sources."""
    return tuple(_worker(read))


def _worker(read: Sources) -> Iterator[Right]:
    for name in (*read.names, *(one.topic for one in read.fed)):
        yield Right("topic", name, ("READ",))
    for topic in (topics.JOURNAL, topics.CHANGELOG):
        yield Right("topic", topic.name, ("READ", "WRITE"))
    for topic in topics.OUTPUTS:
        yield Right("topic", topic.name, ("WRITE",))
    yield Right("group", topics.APP, ("READ",))
    yield Right("transactional id", TRANSACTIONAL_PREFIX, ("WRITE",), is_prefix=True)


def _operator() -> Iterator[Right]:
    """For every command of ours, `bellwether state rebuild` and `bellwether dlq replay` among them."""
    for topic in topics.ALL:
        writes = topic in (topics.JOURNAL, topics.CHANGELOG, topics.DEAD_LETTERS)
        operations = ("READ", "WRITE") if writes else ("READ",)
        yield Right("topic", topic.name, (*operations, "CREATE", "DESCRIBE_CONFIGS"))
    yield Right("group", topics.APP, ("READ",))
    yield Right("transactional id", TRANSACTIONAL_PREFIX, ("WRITE",), is_prefix=True)


WORKER: tuple[Right, ...] = worker(OURS)
OPERATOR: tuple[Right, ...] = tuple(_operator())
