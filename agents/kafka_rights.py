"""Which rights a Kafka connection's user lacks, asked with requests that change nothing.

aiokafka can't ask for rights, so the requests are spelt out here. Topics tell the operations that are granted. For a
group and for transactional ids a request that needs the right is sent in the name of nobody: either it is forbidden, or
nobody isn't known.
"""

from collections.abc import Iterable
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.transaction import EndTxnRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from agents.rights import Right

NOBODY = "access-check"
# Kafka's codes of operations, each a bit of the number that it answers with.
CODES = {"READ": 3, "WRITE": 4, "CREATE": 5, "DESCRIBE": 8, "DESCRIBE_CONFIGS": 10}
_TEXT = String("utf-8")


class _Answer(Response):
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("authorized_operations", Int32),
    )


class _Question(RequestStruct):
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicRights(Request[_Question]):
    """Metadata of topics, with what is granted on them; needs Kafka 2.3."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003 - fields by position


async def missing(connection: AIOKafkaConnection, wanted: Iterable[Right]) -> list[str]:
    """What of these rights isn't granted, as in `WRITE on topic decisions`. A topic that isn't there lacks none.

    Raises:
        KafkaError, OSError, TimeoutError: no answer.
    """
    wanted = list(wanted)
    topics = await _topics(connection, [one.name for one in wanted if one.resource == "topic"])
    lacking: list[str] = []
    for right in wanted:
        if right.resource == "topic":
            granted = topics.get(right.name, -1)
            refused = [one for one in right.operations if not granted & 1 << CODES[one]]
        else:
            refused = [] if await _is_granted(connection, right) else list(right.operations)
        lacking += [f"{one} on {right.resource} {right.name}{'*' * right.is_prefix}" for one in refused]
    return lacking


async def _topics(connection: AIOKafkaConnection, names: list[str]) -> dict[str, int]:
    """The bits of what is granted on each topic that there is, or that isn't shown to us."""
    answer: Any = await connection.send(_TopicRights(names))
    shown = {topic: granted for code, topic, _, _, granted in answer.topics if code == 0}
    hidden = [topic for code, topic, *_ in answer.topics if code == TopicAuthorizationFailedError.errno]
    return shown | dict.fromkeys(hidden, 0)


async def _is_granted(connection: AIOKafkaConnection, right: Right) -> bool:
    """READ on a group, or WRITE on transactional ids: what heartbeats and the end of a transaction need."""
    name = f"{right.name}{NOBODY}" if right.is_prefix else right.name
    question, refusal = (
        (HeartbeatRequest(name, -1, NOBODY), GroupAuthorizationFailedError)
        if right.resource == "group"
        else (EndTxnRequest(name, -1, -1, False), TransactionalIdAuthorizationFailed)  # noqa: FBT003 - as above
    )
    answer: Any = await connection.send(question)
    return bool(answer.error_code != refusal.errno)
