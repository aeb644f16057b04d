"""What the pages say is so: commands, options, variables, files and links exist, and the guide's trigger works."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Ended

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "adding-a-trigger.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"  # its files are tried by tests/integration/test_tutorial.py
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/**/*.md"))
CODE = sorted(path for name in ("streams", "agents") for path in (ROOT / name).rglob("*.py"))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
OWN_FOLDERS = re.compile(r"(?:agents|bench|config|docs|streams|tests)/[\w./-]*|[A-Z]+\.md")


def spans(page: Path) -> Iterator[str]:
    """What a page shows as code: the lines of its shell blocks, and what stands between backticks."""
    text = page.read_text()
    for language, block in FENCED.findall(text):
        if language == "shell":
            yield from (line.split("  #")[0].strip() for line in block.splitlines())
    yield from INLINE.findall(FENCED.sub("", text))


def said(start: str, pages: list[Path] = PAGES) -> set[str]:
    """All code on these pages that begins with a word."""
    return {span for page in pages for span in spans(page) if span.split()[:1] == [start]}


def commands() -> list[str]:
    """The commands that pages and the code's own messages name. Those of shell blocks have a test of their own."""
    texts = [FENCED.sub("", page.read_text()) for page in PAGES] + [path.read_text() for path in CODE]
    return sorted({one for text in texts for one in re.findall(r"`(bellwether(?: [a-z][^`\n{]*)?)`", text)})


@pytest.mark.parametrize("command", commands())
def test_a_command_that_is_named_answers_help_and_has_its_options(
    bellwether: Callable[..., Ended], command: str
) -> None:
    words = re.match(r"bellwether((?: [a-z]+)*)", command)
    assert words
    ended = bellwether(*words.group(1).split(), "--help")
    assert ended.code == 0
    assert f"Usage: bellwether{words.group(1)}" in ended.out
    assert {option for option in re.findall(r"--[a-z-]+", command) if option not in ended.out} == set()


def test_every_command_is_in_the_readme() -> None:
    from agents.cli import COMMANDS  # noqa: PLC0415 - beside its use

    named = {span.split()[1] for span in said("bellwether", [ROOT / "README.md"]) if " " in span}
    assert set(COMMANDS) <= named


def test_every_target_of_make_is_in_the_readme_and_those_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for span in said("make") for word in span.split()[1:] if "=" not in word}
    in_readme = {span.split()[1] for span in said("make", [ROOT / "README.md"]) if " " in span}
    assert named <= targets
    assert targets - {"help"} <= in_readme


def test_the_readme_has_every_variable_that_the_code_reads_and_no_other() -> None:
    pattern = re.compile(r"\bBELLWETHER_[A-Z]+\b")
    read = {name for path in CODE for name in pattern.findall(path.read_text())}
    assert set(pattern.findall((ROOT / "README.md").read_text())) == read


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    relative = [target for target in targets if "://" not in target]
    assert [target for target in relative if not (page.parent / target).exists()] == []


def made_by_a_guide() -> set[str]:
    return {path for page in (GUIDE, TUTORIAL) for path, _ in files_of(page)}


@every_page
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = {span for span in INLINE.findall(FENCED.sub("", page.read_text())) if OWN_FOLDERS.fullmatch(span)}
    assert {path for path in named - made_by_a_guide() if not (ROOT / path).exists()} == set()


def test_pages_that_the_code_names_exist() -> None:
    named = {path for file in CODE for path in re.findall(r"\b(?:docs|tests)/[\w./-]*[\w/]", file.read_text())}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def files_of(page: Path) -> list[tuple[str, str]]:
    """The files that a page shows: path, then content."""
    shown = re.findall(r"^(?:Added to )?`([^`\n]+)`\n\n```\w+\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [(path, content) for path, content in shown]


def test_the_guides_trigger_works_once_its_files_are_in_place(tmp_path: Path) -> None:
    for name in ("agents", "config", "docs", "streams", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert [Path(path).suffix for path, _ in files_of(GUIDE)] == [".py", ".yaml", ".yaml", ".yaml"]
    for path, content in files_of(GUIDE):
        with (tmp_path / path).open("a") as file:
            file.write(content)
    run_in(tmp_path, "-c", "from agents.cli import main; main(['docs', 'triggers'])")
    run_in(tmp_path, "-c", "from agents.cli import main; main(['config', 'check', '--config', 'config'])")
    suites = [f"tests/core/test_{name}.py" for name in ("triggers", "trigger_catalogue", "scenarios", "boundaries")]
    chosen = "repeated_calls or one_name or up_to_date or shipped"
    ended = run_in(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *suites)
    passed = re.search(r"(\d+) passed", ended)
    assert passed
    assert int(passed.group(1)) > 20


def run_in(folder: Path, *arguments: str) -> str:
    """What Python says there; its imports are that folder's."""
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


PYTHON = [content for page in (GUIDE, TUTORIAL) for path, content in files_of(page) if path.endswith(".py")]


@pytest.mark.parametrize("text", PYTHON)
def test_the_guides_code_is_as_strict_as_ours(text: str) -> None:
    name = "--stdin-filename=streams/triggers/retention/guide.py"
    assert len(PYTHON) == 2
    for arguments in (["check", name, "-"], ["format", "--check", name, "-"]):
        command = [str(Path(sys.executable).with_name("ruff")), *arguments]
        ended = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
        assert ended.returncode == 0, ended.stdout + ended.stderr
