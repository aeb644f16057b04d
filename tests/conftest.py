"""What several tests need: a real Kafka and a real Redis for the whole run, and the command line as a shell has it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agents import stack as local_stack
from agents.cli import main

HERE = Path(__file__).parent
# Whole journeys are made here, again and again: counting what they cover of the core makes them three times as slow.
UNCOUNTED = {"backtest", "contract", "demo", "integration", "simulation"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is that of the core's own tests, and of the commands'."""
    for item in items:
        if UNCOUNTED & set(item.path.relative_to(HERE).parts):
            item.add_marker(pytest.mark.no_cover)


class Ended(NamedTuple):
    """What a shell sees of a command."""

    code: object
    out: str
    err: str


@pytest.fixture(scope="session")
def stack() -> Iterator[local_stack.Stack]:
    """On random ports, in a temporary folder, ended with the run; addresses in the environment replace them."""
    with local_stack.running() as running:
        yield running


@pytest.fixture
def bellwether(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a command in this process: `bellwether("topics", "check")`."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return Ended(ended.value.code, *capsys.readouterr())

    return run
