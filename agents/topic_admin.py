"""The topics as they should be, made and checked on a broker."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from msgspec import Struct

from agents import clients
from agents.sources import OURS
from streams import topics
from streams.sources import Sources
from streams.topics import Topic

# A record of the broker's usual largest size, and for dead letters room for one of those with headers around it.
MESSAGE_BYTES_MAX = 1_048_588
DEAD_LETTER_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
KNOWN_SECONDS_MAX = 20.0
KNOWN_PAUSE_SECONDS = 0.05
# Their partition counts are one promise: the customer's partition in the journal is that of the state.
BOUND_TOGETHER: tuple[Topic, ...] = (topics.JOURNAL, topics.CHANGELOG)


class Finding(Struct, frozen=True):
    """One thing that is not as it should be. `aspect` is `missing`, `partitions`, or the name of a topic setting."""

    topic: str
    aspect: str
    expected: str
    found: str
    remedy: str


class MissingTopic(Exception):  # noqa: N818 - it says what is the matter
    """A topic that is needed isn't there; its one argument is the name."""


def wanted_settings(topic: Topic) -> dict[str, str]:
    """The topic settings that matter to us, as Kafka names and writes them."""
    bytes_max = DEAD_LETTER_BYTES_MAX if topic is topics.DEAD_LETTERS else MESSAGE_BYTES_MAX
    settings = {"cleanup.policy": topic.cleanup, "max.message.bytes": str(bytes_max)}
    if topic.cleanup == "delete":
        settings["retention.ms"] = str(topic.retention_ms)
    if topic.retention_ms == -1:
        settings["retention.bytes"] = "-1"  # whatever the broker's own default is: nothing may be cut off
    return settings


def every(sources: Sources) -> tuple[Topic, ...]:
    """All topics that entries and decisions are on, in order."""
    return (*sources.topics, topics.JOURNAL, topics.CHANGELOG, *topics.OUTPUTS)


def _needed(sources: Sources) -> tuple[Topic, ...]:
    """The same, and those that feed maps."""
    feeds = [Topic(one.topic, key="what is looked up", retention_ms=-1, cleanup="compact") for one in sources.fed]
    return (*every(sources), *feeds)


async def create(bootstrap: str, sources: Sources = OURS, *, replication_factor: int = 1) -> list[str]:
    """Create the topics that aren't there; returns their names in order. Others stay as they are.

    With three or more replicas a write counts when all but one have it (`min.insync.replicas`).

    Raises:
        KafkaError, TimeoutError: the broker is out of reach, or refuses.
    """
    new = [_new_topic(topic, replication_factor) for topic in _needed(sources)]
    async with _admin(bootstrap) as admin:
        response = await admin.create_topics(new)
        made = [name for name, code, *text in response.topic_errors if _is_new(name, code, text)]
        await _until_known(admin, {topic.name for topic in _needed(sources)})
    return [topic.name for topic in _needed(sources) if topic.name in made]


async def check(bootstrap: str, sources: Sources = OURS) -> list[Finding]:
    """What is wrong with the topics, in order; empty when all is well. A source that isn't ours may be kept as it is.

    Raises:
        KafkaError: the broker is out of reach, or refuses.
    """
    counts = await partition_counts(bootstrap)
    all_topics = _needed(sources)
    present = [topic for topic in all_topics if topic.name in counts]
    async with _admin(bootstrap) as admin:
        settings = await _settings(admin, [topic.name for topic in present])
    return [
        *(_missing(topic) for topic in all_topics if topic.name not in counts),
        *_partition_findings(counts),
        *(finding for topic in present if is_ours(topic) for finding in _setting_findings(topic, settings[topic.name])),
    ]


async def partition_counts(bootstrap: str) -> dict[str, int]:
    """How many partitions each topic of the broker has.

    Raises:
        KafkaError: the broker is out of reach.
    """
    async with _admin(bootstrap) as admin:
        return await _counts(admin)


async def retentions_ms(bootstrap: str, names: Iterable[str]) -> dict[str, int]:
    """How long these topics keep a record, -1 is for ever; without those whose settings this user may not see.

    Raises:
        KafkaError: the broker is out of reach.
    """
    async with _admin(bootstrap) as admin:
        described = [one async for one in _described(admin, names)]
    return {
        name: int(settings["retention.ms"]) if "delete" in settings["cleanup.policy"] else -1
        for code, _, name, settings in described
        if not code
    }


async def _counts(admin: Any) -> dict[str, int]:
    return {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()}


async def _until_known(admin: Any, names: set[str]) -> None:
    """Wait until the broker tells of these topics: it does so a moment after it made them."""
    async with asyncio.timeout(KNOWN_SECONDS_MAX):
        while not names <= (await _counts(admin)).keys():  # noqa: ASYNC110 - the event would be the broker's
            await asyncio.sleep(KNOWN_PAUSE_SECONDS)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**clients.to_kafka(bootstrap), client_id="bellwether-admin")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _new_topic(topic: Topic, replication_factor: int) -> Any:
    settings = wanted_settings(topic) | {"min.insync.replicas": str(max(1, replication_factor - 1))}
    return NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=settings)


def _is_new(name: str, code: int, text: list[str | None]) -> bool:
    """Whether the broker made it; False if it was there."""
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return False
    if code:
        raise error(f"topic {name}: {text[0] if text and text[0] else error.description}")
    return True


async def _settings(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    async for code, text, name, settings in _described(admin, names):
        if code:
            raise for_code(code)(f"settings of topic {name}: {text}")
        found[name] = settings
    return found


async def _described(admin: Any, names: Iterable[str]) -> AsyncIterator[tuple[int, str, str, dict[str, str]]]:
    """Error code, its text, topic and settings of each."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for response in await admin.describe_configs(resources) if resources else ():
        for code, text, _, name, entries in response.resources:
            yield code, text, name, {entry[0]: entry[1] for entry in entries}


def _missing(topic: Topic) -> Finding:
    return Finding(topic.name, "missing", "a topic", "none", "bellwether topics create")


def _partition_findings(counts: dict[str, int]) -> Iterator[Finding]:
    """Sources may have any number, outputs more than the journal; the journal and what follows it may not."""
    present = [topic for topic in BOUND_TOGETHER if topic.name in counts]
    for topic in present:
        found = counts[topic.name]
        others = [other for other in present if counts[other.name] != found]
        if found != topic.partitions or others:
            beside = "".join(f", {other.name} has {counts[other.name]}" for other in others)
            remedy = (
                "stop the workers, dump the journal, delete both topics and create them again: never change in place"
            )
            yield Finding(topic.name, "partitions", str(topic.partitions), f"{found}{beside}", remedy)


def is_ours(topic: Topic) -> bool:
    """Whether its settings are ours to say: it is no source of somebody else's."""
    return topic.carries is None or topic.name in OURS.names


def _setting_findings(topic: Topic, found: dict[str, str]) -> Iterator[Finding]:
    for name, expected in wanted_settings(topic).items():
        actual = found.get(name, "")
        if not _fits(name, expected, actual):
            remedy = f"kafka-configs.sh --alter --topic {topic.name} --add-config {name}={expected}"
            yield Finding(topic.name, name, expected, actual, remedy)


def _fits(name: str, expected: str, actual: str) -> bool:
    if name == "max.message.bytes":
        return actual.isdigit() and int(actual) >= int(expected)
    return _words(actual) == _words(expected)


def _words(value: str) -> Iterable[str]:
    """`compact,delete` is the same in any order."""
    return sorted(word.strip() for word in value.split(","))
