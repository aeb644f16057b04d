"""The house's own rules, over every file of the repository: short, finished, pinned, and the same on every machine."""

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_OURS = {
    *(".git", ".venv", "__pycache__", "build", "dist", "bellwether-data"),
    *(".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
}
LINES_MAX = 250
FUNCTION_LINES_MAX = 40
LOCKS = ("requirements.lock", "requirements-runtime.lock", "requirements-build.lock")
PEERS = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("bench/peers/environments/*.lock"))]
UNFINISHED = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b")
REGISTRY = re.compile(r"[p]ypi\.|[p]ythonhosted|[m]aven\.org|[m]aven2|[n]pmjs", re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.}])/(?:root|work|home|Users|tmp)/\w|[A-Z]:\\\\?Users")
IN_AN_IMAGE = {"Dockerfile", "docker-compose.yml"}  # their /tmp is the container's
FIXED = re.compile(r"[\w.-]+==[\w.]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+")


def ours(folder: Path = ROOT) -> Iterator[Path]:
    """Every text file of the repository."""
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or path.name.endswith(".egg-info") or path.suffix in (".log", ".pyc"):
            continue
        if path.is_dir():
            yield from ours(path)
        elif path.name != ".coverage":
            yield path


def offences(pattern: re.Pattern[str], spared: Collection[str] = ()) -> list[str]:
    """Where a pattern is found: file, line, and what."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {found.group()}"
        for path in ours()
        if path.name not in spared
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := pattern.search(line))
    ]


def sources() -> list[Path]:
    return [
        path for path in ours() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("streams", "agents")
    ]


def test_nothing_is_left_unfinished() -> None:
    assert offences(UNFINISHED) == []


def test_no_file_names_a_package_registry() -> None:
    assert offences(REGISTRY) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert offences(MACHINE, IN_AN_IMAGE) == []


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {path: lines for path, lines in lengths.items() if lines > LINES_MAX} == {}


def test_functions_are_short() -> None:
    functions = [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 100
    assert [one for one in functions if one[1] > FUNCTION_LINES_MAX] == []


@pytest.mark.parametrize("name", [*LOCKS, *PEERS])
def test_a_lock_has_a_hash_for_each_package_and_nothing_else(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "".join(f"{found.group()}\n" for found in FIXED.finditer(text)) == text
    assert "==" in text


def test_locks_are_of_the_packages_that_the_project_asks_for() -> None:
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = described["project"], described["project"]["optional-dependencies"]
    wanted = {
        "requirements.lock": [*project["dependencies"], *extras["stack"], *extras["dev"], *extras["bench"]],
        "requirements-runtime.lock": project["dependencies"],
        "requirements-build.lock": described["build-system"]["requires"],
    }
    for name, requirements in wanted.items():
        locked = re.findall(r"^[^\s\\]+==[^\s\\]+", (ROOT / name).read_text().lower(), re.MULTILINE)
        assert {one.lower().replace("_", "-") for one in requirements} <= set(locked), f"{name} is stale: make lock"


def test_a_worker_gets_the_versions_that_are_tested() -> None:
    tested, shipped = (set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS[:2])
    assert shipped
    assert shipped < tested


def test_continuous_integration_runs_the_faults_and_the_readmes_test_command() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text().splitlines()
    assert os.access(script, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make faults SEED=1", "make test"]
    assert re.search(r"^```shell\n(?:.*\n)*?make test( +#.*)?\n", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_make_alone_says_every_target() -> None:
    [phony] = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607 - whoever runs this has make
    assert [line.split()[1] for line in said.splitlines()] == phony.split()
