"""`bellwether docs`: the pages that come from the code, so that they can't go stale."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from agents import config_schema
from agents.cli.output import FINDINGS, FINE, message
from agents.pages import reference as reference_pages
from agents.pages import trigger_page
from streams.trigger import load

app = App(
    name="docs",
    help="""Write the pages and schemas that come from the code.

For example:

    bellwether docs triggers
    bellwether docs triggers --check
    bellwether docs reference
    bellwether docs schema
""",
    help_format="plaintext",
)

Folder = Annotated[Path, Parameter(help="Where the pages are.")]
Check = Annotated[bool, Parameter(negative="", help="Write nothing; exit code 1 when a page is stale.")]


@app.command
def triggers(*, folder: Folder = Path("docs/triggers"), check: Check = False) -> int:
    """Write one page a trigger and the list of them, and remove those of triggers that are no more."""
    pages = {f"{name}.md": trigger_page.page(one) for name, one in load().items()}
    pages["README.md"] = trigger_page.index(load().values())
    orphans = [path for path in sorted(folder.glob("*.md")) if path.name not in pages]
    return _keep(folder, pages, "bellwether docs triggers", check=check, orphans=orphans)


@app.command
def reference(*, folder: Folder = Path("docs/reference"), check: Check = False) -> int:
    """Write the reference: commands, config, topics, and the topics as an AsyncAPI document."""
    return _keep(folder, reference_pages.pages(), "bellwether docs reference", check=check)


@app.command
def schema(*, folder: Folder = Path("config/schema"), check: Check = False) -> int:
    """Write the schemas by which an editor completes and checks triggers.yaml, policy.yaml and sources.yaml."""
    texts = {name: config_schema.encode(made) for name, made in config_schema.schemas().items()}
    return _keep(folder, texts, "bellwether docs schema", check=check)


def _keep(folder: Path, texts: Mapping[str, str], command: str, *, check: bool, orphans: Collection[Path] = ()) -> int:
    """Write the files of a folder that aren't as they should be, and remove the orphans; or only say which they are."""
    paths = {folder / name: text for name, text in texts.items()}
    stale = [path for path, text in paths.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in [*stale, *orphans]:
            message(f"{path} is stale. Write it again: {command}")
        return FINDINGS if stale or orphans else FINE
    folder.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(paths[path], encoding="utf-8")
    for path in orphans:
        path.unlink()
    message(f"{len(stale)} files written, {len(orphans)} removed, {len(paths)} in all.")
    return FINE
