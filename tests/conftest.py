"""What several tests need: one real Kafka and one real Redis for the whole run."""

from collections.abc import Iterator

import pytest

from agents import stack as local_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[local_stack.Stack]:
    """On random ports, in a temporary folder, ended with the run; addresses in the environment replace them."""
    with local_stack.running() as running:
        yield running
