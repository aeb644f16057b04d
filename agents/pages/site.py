"""The site: the pages of the repository as they are, in the order in which `docs/README.md` leads to them.

Pages link to each other by where they stand in the repository, so they are copied into a folder of the same shape; a
file that a page links to comes along. Written with Zensical, which fetches nothing and ends on a dead link.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "site"
TOP = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")
INDEX = "docs/README.md"
SETTINGS = "docs/mkdocs.yml"
OVERVIEW = "Overview"
_HEADING = re.compile(r"(#{2,3}) (.+)")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
Navigation = list[Any]


def pages(root: Path = ROOT) -> list[str]:
    """Every page, by its place in the repository."""
    return [*TOP, *(str(path.relative_to(root)) for path in sorted((root / "docs").rglob("*.md")))]


def navigation(root: Path = ROOT) -> Navigation:
    """Sections as Zensical takes them: a heading of the index, and the pages that it leads to, in that order.

    A page is listed where the index first leads to it. A link to a folder's README.md stands for all of the folder.
    """
    overview: Navigation = [*TOP, INDEX]
    navigation: Navigation = [{OVERVIEW: overview}]
    sections, seen = [navigation, overview], {*TOP, INDEX}
    for line in (root / INDEX).read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.match(line):
            depth = len(heading[1]) - 1
            below: Navigation = []
            sections[depth:] = [below]
            sections[depth - 1].append({heading[2]: below})
        for target in links(root, INDEX, line):
            if target.endswith(".md") and target not in seen:
                several = folder(root, target)
                seen.update([target, *several])
                sections[-1].append({title(root, target): [target, *several]} if several else target)
    return navigation


def links(root: Path, page: str, text: str) -> Iterator[str]:
    """The files of the repository that a page's text links to."""
    for target in _LINK.findall(text):
        path = (root / page).parent.joinpath(target).resolve()
        if path.is_relative_to(root) and path.is_file():
            yield str(path.relative_to(root))


def folder(root: Path, page: str) -> list[str]:
    """The pages beside a README.md; none of another page."""
    path = root / page
    if path.name != "README.md":
        return []
    return [str(one.relative_to(root)) for one in sorted(path.parent.glob("*.md")) if one != path]


def title(root: Path, page: str) -> str:
    """A page's first heading."""
    return next(
        line.removeprefix("# ").replace("`", "")
        for line in (root / page).read_text(encoding="utf-8").splitlines()
        if line.startswith("# ")
    )


def stage(root: Path, target: Path) -> Path:
    """Copy what the site is made of below `target`; returns the settings' file, with the navigation in it."""
    shutil.rmtree(target, ignore_errors=True)
    settings = yaml.safe_load((root / SETTINGS).read_text(encoding="utf-8"))
    linked = [file for page in pages(root) for file in links(root, page, (root / page).read_text(encoding="utf-8"))]
    for file in {*pages(root), *linked, *settings["extra_css"]}:
        copy = target / "pages" / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / file, copy)
    settings |= {"docs_dir": "pages", "site_dir": "html", "nav": navigation(root)}
    file = target / "mkdocs.yml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return file


def build(root: Path = ROOT, target: Path = BUILT) -> Path:
    """Build the site; returns the folder with its `index.html`.

    Raises:
        subprocess.CalledProcessError: a link is dead, or a page can't be read; Zensical has said which.
    """
    settings = stage(root, target)
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--config-file", settings.name], cwd=target, check=True)  # noqa: S603 - our own tool
    return target / "html"


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build() / 'index.html'}\n")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
