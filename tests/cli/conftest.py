"""Runs the command line in this process, as a shell would see it."""

from typing import NamedTuple, Protocol

import pytest

from agents.cli import main


class Ended(NamedTuple):
    code: object
    out: str
    err: str


class Bellwether(Protocol):
    def __call__(self, *arguments: str) -> Ended: ...


@pytest.fixture
def bellwether(capsys: pytest.CaptureFixture[str]) -> Bellwether:
    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        return Ended(ended.value.code, told.out, told.err)

    return run
