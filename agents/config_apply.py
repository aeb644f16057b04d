"""A config version on its way into the journal: one entry in every partition, all or none."""

from agents import journal_append
from streams import config
from streams.config import Config
from streams.journal import ConfigVersion

TRANSACTIONAL_ID = "bellwether-config"  # one for all: of two operators at once, the later one fences the earlier


async def append(bootstrap: str, rules: Config, at_ms: int, note: str = "", by: str = "") -> int:
    """Append the version to every journal partition in one transaction; returns how many there are.

    Raises:
        MissingTopic, KafkaError: see `agents.journal_append.everywhere`.
    """
    return await append_again(bootstrap, ConfigVersion(rules.version, config.encode(rules), at_ms, note, by))


async def append_again(bootstrap: str, version: ConfigVersion) -> int:
    """The same of a version whose content is the journal's own."""
    return await journal_append.everywhere(bootstrap, version, TRANSACTIONAL_ID)
