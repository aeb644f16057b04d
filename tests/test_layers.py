"""The tools that keep the layers apart fire on code that breaks them: each rule is shown a planted offence."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
PLANTED = {
    "streams does no I/O": [
        ("streams/engine.py", "import socket"),
        ("streams/arbiter.py", "import agents.stop"),
        ("streams/view.py", "import asyncio"),
        ("streams/intake.py", "import aiokafka"),
    ],
    "triggers do not know each other": [
        ("streams/triggers/fraud/fraud_verdict.py", "import streams.triggers.fraud.card_testing"),
        ("streams/triggers/retention/balance_drop.py", "import streams.triggers.fraud.card_testing"),
    ],
    "triggers know neither the engine nor the arbiter": [
        ("streams/triggers/fraud/card_testing.py", "import streams.engine"),
        ("streams/triggers/savings.py", "import streams.arbiter"),
    ],
}


def run(tool: str, *arguments: str, folder: Path = ROOT, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """A tool's exit code and words, run as `make lint` runs it."""
    return subprocess.run(  # noqa: S603 - our own tools
        [str(TOOLS / tool), *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},  # lines wrap at the terminal's width
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def parts(text: str) -> dict[str, str]:
    """What import-linter says of each broken contract, by its name."""
    said = text.partition("Broken contracts")[2]
    found = {name: said.find(f"\n{name}\n") for name in PLANTED}
    ends = sorted(found.values())
    following = dict(zip(ends, [*ends[1:], len(said)], strict=True))
    return {name: said[at : following[at]] for name, at in found.items() if at >= 0}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and their settings, to be spoilt."""
    for name in ("streams", "agents"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_are_kept_and_each_planted_import_breaks_its_own(copy: Path) -> None:
    kept = run("lint-imports", "--no-cache", folder=copy)
    assert (kept.returncode, f"{len(PLANTED)} kept, 0 broken" in kept.stdout) == (0, True), kept.stdout
    for path, line in (offence for offences in PLANTED.values() for offence in offences):
        file = copy / path
        file.write_text(file.read_text() + f"\n\n{line}\n")
    broken = run("lint-imports", "--no-cache", folder=copy)
    assert broken.returncode == 1
    said = parts(broken.stdout)
    for name, offences in PLANTED.items():
        for path, line in offences:
            importer, imported = path.removesuffix(".py").replace("/", "."), line.removeprefix("import ")
            assert f"{importer} -> {imported}" in said[name]


@pytest.mark.parametrize(
    "code",
    [
        "import time",
        "import random",
        "import secrets",
        "import os",
        "from datetime import datetime\n\nNOW = datetime.now()",
        "from datetime import datetime\n\nNOW = datetime.utcnow()",
        "from datetime import date\n\nNOW = date.today()",
        "import uuid\n\nIDENTITY = uuid.uuid4()",
        "import time\n\nNOW = time.time()",
    ],
)
def test_clocks_chance_and_machine_are_banned_in_streams_alone(code: str) -> None:
    def found(path: str) -> int:
        checked = run("ruff", "check", "--no-cache", "--select=TID251", f"--stdin-filename={path}", "-", text=code)
        return checked.returncode

    assert found("streams/planted.py") == 1
    assert found("streams/triggers/fraud/planted.py") == 1
    assert found("agents/planted.py") == 0


def imported(path: Path) -> set[str]:
    """The first names of all modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", sorted((ROOT / "streams").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_streams_needs_the_standard_library_and_msgspec_only(path: Path) -> None:
    assert imported(path) <= sys.stdlib_module_names | {"msgspec", "streams"}
