"""The site: every page is in it, every link leads somewhere, and a reader's browser asks nobody else for anything."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from agents.pages import site

FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Html(HTMLParser):
    """What a built page links to, what it fetches, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given.get("id", "")} - {""}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in FETCHED and FETCHED[tag] in given:
            self.fetched.append(given[FETCHED[tag]])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Html]:
    folder = site.build(target=tmp_path_factory.mktemp("site"))
    return {path: Html(path) for path in folder.rglob("*.html") if path.name != "404.html"}


def listed(navigation: Any) -> Iterator[str]:
    """Every page of a navigation, in order."""
    if isinstance(navigation, str):
        yield navigation
    else:
        for part in navigation.values() if isinstance(navigation, dict) else navigation:
            yield from listed(part)


def test_every_page_is_in_the_navigation_once() -> None:
    navigated = list(listed(site.navigation()))
    missing = sorted(set(site.pages()) - set(navigated))
    assert missing == [], f"add a row with a link to each of these below a heading of {site.INDEX}"
    assert len(navigated) == len(set(navigated))


def test_sections_are_those_of_the_index_and_a_folders_pages_stand_below_it() -> None:
    sections = {title: pages for one in site.navigation() for title, pages in one.items()}
    assert list(sections) == [site.OVERVIEW, "Tutorial", "How-to", "Reference", "Operations", "Design"]
    [triggers] = [one["Triggers"] for one in sections["Reference"] if isinstance(one, dict)]
    assert triggers[:2] == ["docs/triggers/README.md", "docs/triggers/auto_renewal_safeguard.md"]
    decisions = sections["Design"][-1]["Decisions"]
    assert decisions[0] == "docs/decisions/0001-local-stack-without-docker.md"


def test_the_list_of_triggers_leads_to_each_of_their_pages() -> None:
    page = "docs/triggers/README.md"
    linked = set(site.links(site.ROOT, page, (site.ROOT / page).read_text()))
    assert set(site.folder(site.ROOT, page)) <= linked


def test_every_page_is_built_and_its_links_lead_somewhere(built: dict[Path, Html]) -> None:
    assert len(built) == len(site.pages())
    dead = [
        f"{page.path.name}: {link}" for page in built.values() for link in page.links if not _leads(page, link, built)
    ]
    assert dead == []


def _leads(page: Html, link: str, built: dict[Path, Html]) -> bool:
    """Whether a link is one to elsewhere, or leads to a file, and to a place in it."""
    if re.match(r"\w+:", link):
        return True
    target, _, place = link.partition("#")
    path = (page.path.parent / target).resolve() if target else page.path
    if path.is_dir():
        path /= "index.html"
    return path.is_file() and (not place or path not in built or place in built[path].places)


def test_nothing_is_fetched_from_elsewhere(built: dict[Path, Html]) -> None:
    fetched = {one for page in built.values() for one in page.fetched}
    assert any(one.endswith(".css") for one in fetched)
    assert [one for one in fetched if re.match(r"(\w+:)?//", one)] == []
    styles = [path.read_text() for path in next(iter(built)).parent.rglob("*.css")]
    assert [found for style in styles for found in re.findall(r"(?:url\(|@import )['\"]?https?:", style)] == []


def test_a_dead_link_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in (*site.TOP, site.SETTINGS, "docs/site.css"):
        shutil.copy(site.ROOT / name, tmp_path / name)
    (tmp_path / "README.md").write_text("# Home\n\n[gone](gone.md)\n")
    (tmp_path / "ARCHITECTURE.md").write_text("# Architecture\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n")
    (tmp_path / site.INDEX).write_text("# Documentation\n")
    with pytest.raises(subprocess.CalledProcessError):
        site.build(tmp_path, tmp_path / "build")
    (tmp_path / "README.md").write_text("# Home\n")
    assert (site.build(tmp_path, tmp_path / "build") / "index.html").is_file()
