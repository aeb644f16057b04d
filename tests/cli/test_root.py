"""The root of the command line: every command answers, help is quick, and the exit code says what happened."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from agents.cli import COMMANDS

Command = Callable[..., Any]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_answers_help_with_a_first_line_and_an_example(name: str, bellwether: Command) -> None:
    ended = bellwether(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: bellwether {name}")
    assert f"    bellwether {name}" in ended.out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_named_as_its_file(name: str) -> None:
    assert import_module(f"agents.cli.{name}").app.name == (name,)


def test_without_arguments_it_helps_with_examples_before_commands(bellwether: Command) -> None:
    ended = bellwether()
    assert ended.code == 0
    assert ended.out == bellwether("--help").out
    assert 0 < ended.out.index("bellwether topics create") < ended.out.index("Commands")
    assert all(f" {name} " in ended.out for name in COMMANDS)


def test_help_imports_neither_kafka_nor_a_command() -> None:
    code = """
import sys
from agents.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
slow = ("aiokafka", "faust", "redis", "streams", "agents.cli.")
print([name for name in sys.modules if name.startswith(slow)], file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own
    assert ended.stderr == "['agents.cli.output']\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("topics", "chek"),
        ("replay",),
        ("config", "check", "--nonsense"),
        ("config", "apply", "--at-ms", "-1"),
    ],
)
def test_a_wrong_use_is_exit_code_2_and_told_on_stderr(arguments: tuple[str, ...], bellwether: Command) -> None:
    ended = bellwether(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Error" in ended.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BELLWETHER_KAFKA", "127.0.0.1"),
        ("BELLWETHER_KAFKA", "a:1,b:x"),
        ("BELLWETHER_KAFKA", "kafka://a:99999"),
        ("BELLWETHER_HTTP", ":9187"),
        ("BELLWETHER_REDIS", "127.0.0.1:6379"),
        ("BELLWETHER_REDIS", "redis://:pass-word@host:port/0"),
    ],
)
def test_an_address_that_is_none_is_exit_code_2(
    name: str, value: str, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    ended = bellwether("topics", "check")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{name}: expected ")
    assert "pass-word" not in ended.err
