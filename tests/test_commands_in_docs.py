"""Every command that a page shows to be run can be run: the command line itself takes its words, as far as parsing."""

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from agents.cli import COMMANDS, root
from tests.test_docs import FENCED, PAGES, ROOT

CLI_PAGE = ROOT / "docs" / "reference" / "cli.md"
STARTS = r"(?:^|[|&;(]|\bexport|\s--)\s*(?:\w+=\S*\s+)*"  # where a shell, or who runs another's words, takes a command
RUN = re.compile(
    STARTS + r"(?:\.venv/bin/)?((?:bellwether|python -m [\w.]+)(?: (?:'[^']*'|[^|&;<>()#'])+)?)(?=$|[\s|&;<>()#])"
)
REDIRECTION = re.compile(r"\s\d?>>?\s*(?:&\d|\S+)")


def lines(page: Path) -> Iterator[str]:
    """The lines of a page's shell blocks, each whole; of the command line's page its examples."""
    text = page.read_text()
    for language, block in FENCED.findall(text):
        if language == "shell":
            yield from block.replace("\\\n", " ").splitlines()
    if page == CLI_PAGE:
        yield from re.findall(r"^    (bellwether .*)$", text, re.MULTILINE)


def commands() -> list[str]:
    """Every command of ours that pages show to be run."""
    plain = (REDIRECTION.sub("", line) for page in PAGES for line in lines(page))
    return sorted({one.strip() for line in plain for one in RUN.findall(line)})


def parse(app: App, words: list[str]) -> None:
    """Fails where the command line would say that it doesn't understand."""
    app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("bellwether")])
def test_a_bellwether_command_parses(command: str) -> None:
    _, *words = shlex.split(command)
    parse(root(*COMMANDS), words)


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("python")])
def test_a_module_of_ours_takes_its_words(command: str) -> None:
    _, _, name, *words = shlex.split(command)
    module = importlib.import_module(f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name)
    if isinstance(app := getattr(module, "app", None), App):
        parse(app, words)
        return
    line = [sys.executable, "-m", name, "--help"]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", told))


def test_each_command_has_an_example_that_is_checked() -> None:
    shown = {words[1] for one in commands() if len(words := one.split()) > 1 and words[0] == "bellwether"}
    assert set(COMMANDS) <= shown
