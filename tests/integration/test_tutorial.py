"""The tutorial, followed word by word: its files written, its commands run in one bash, what it prints compared."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agents import stack

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
COPIED = ("agents", "config", "docs", "streams", "tests", "Makefile", "pyproject.toml", "requirements.lock")
STEP = re.compile(r"(?:^(Added to )?`([^`\n]+)`\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--- end of a step ---"
AS_IN_A_TERMINAL = {"COLUMNS": "100", "PYTHONUNBUFFERED": "1"}  # results and messages in the order they are said
SECONDS_MAX = 400  # of all of it, on a busy machine; on an idle one it takes a good minute


class Step(NamedTuple):
    """A file to be written, or a block of the shell; `printed` is what the page shows of its output."""

    text: str
    printed: str = ""


def steps() -> Iterator[Step]:
    """The page as commands, in its order."""
    found = STEP.findall(PAGE.read_text())
    for number, (adds, path, language, content) in enumerate(found):
        if path:
            yield Step(f"cat >{'>' if adds else ''} {path} << 'END OF FILE'\n{content}END OF FILE\n")
        elif language == "shell":
            is_shown = found[number + 1 : number + 2] and found[number + 1][2] == "text"
            yield Step(content, found[number + 1][3] if is_shown else "")


def pattern(printed: str) -> str:
    """What is shown, as a pattern: `…` is anything in its line, and on a line of its own any lines."""
    lines = [r"(?:.*\n)*?" if line == "…" else f"{_in_line(line)}\n" for line in printed.splitlines()]
    return "".join(lines)


def _in_line(line: str) -> str:
    """Runs of spaces may be of any length: a terminal's width and longer ids move columns."""
    words = re.escape(line.strip()).replace("…", ".*")
    return r"[ ]*" + re.sub(r"(?:\\ )+", "[ ]+", words) + r"[ ]*"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A copy of the repository, installed: its own code, this environment's packages. What runs in it is ended."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".venv" / ".installed").touch()
    yield tmp_path
    if left := stack.status(tmp_path / "build" / "tutorial"):
        left.down()


def environment(clone: Path) -> dict[str, str]:
    """What a newcomer's shell has, and where this copy's code is."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "XDG_CACHE_HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(clone), "BELLWETHER_HTTP": "127.0.0.1:0", **AS_IN_A_TERMINAL}


def run(script: str, clone: Path) -> str:
    """What one bash prints of a script, which ends at the first command that fails; its own children end with it."""
    bash = subprocess.Popen(  # noqa: S603 - the page's own commands
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - whoever runs this has bash
        cwd=clone,
        env=environment(clone),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = bash.communicate(timeout=SECONDS_MAX)
    finally:
        if bash.poll() is None or bash.returncode:
            os.killpg(bash.pid, signal.SIGKILL)
    assert bash.returncode == 0, printed
    return printed


def test_the_tutorial_works_as_it_is_written(clone: Path) -> None:
    several = list(steps())
    assert len(several) > 10
    script = "".join(f"{step.text}echo '{END}'\n" for step in several)
    printed = run(script, clone).split(f"{END}\n")
    for step, text in zip(several, printed, strict=False):
        assert re.search(f"^{pattern(step.printed)}", text, re.MULTILINE), f"{step.text}\nprinted\n{text}"
    assert stack.status(clone / "build" / "tutorial") is None, "the page stops what it starts"


def test_output_is_compared_line_by_line() -> None:
    shown = pattern("first … 7\n…\nlast\n")
    assert re.fullmatch(shown, "first (of many)   7\nmore\nlast\n")
    assert re.fullmatch(shown, "first  7\nlast  \n")
    assert not re.fullmatch(shown, "first 8\nlast\n")
    assert not re.fullmatch(shown, "first 7\n")
