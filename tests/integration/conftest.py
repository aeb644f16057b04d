"""A cluster of a test's own: topics made, rules in the journal."""

import asyncio
from collections.abc import Iterator

import pytest

from agents import config_apply, config_files, settings, stack, topic_admin


@pytest.fixture
def cluster() -> Iterator[stack.Stack]:
    with stack.running() as running:
        asyncio.run(topic_admin.create(running.kafka))
        asyncio.run(config_apply.append(running.kafka, config_files.load(settings.PACKAGED_CONFIG), 0))
        yield running
