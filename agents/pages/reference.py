"""The reference: every file of `docs/reference/`, by name."""

from importlib.metadata import PackageNotFoundError, version

import msgspec

from agents.pages import asyncapi, cli_page, config_page, topics_page


def pages() -> dict[str, str]:
    """The texts of the files as they should be."""
    return {
        "asyncapi.json": topics_document(),
        "cli.md": cli_page.documentation(),
        "config.md": config_page.documentation(),
        "topics.md": topics_page.documentation(),
    }


def topics_document() -> str:
    """The AsyncAPI document, of the release that is installed."""
    try:
        release = version("bellwether")
    except PackageNotFoundError:
        release = "0"
    return msgspec.json.format(msgspec.json.encode(asyncapi.document(release)), indent=2).decode() + "\n"
