"""What `bellwether config` shows: modes, differences, the history."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from agents.cli.output import print_table
from streams.config import Config
from streams.config_diff import Change
from streams.trigger import load

if TYPE_CHECKING:
    from agents.config_versions import History


def print_modes(rules: Config) -> None:
    """Each trigger's mode."""
    known = load()
    print_table(
        ("trigger", "family", "mode"), [(name, known[name].family, one.mode) for name, one in rules.triggers.items()]
    )


def print_changes(changes: list[Change]) -> None:
    """Each parameter, old and new; nothing without a change."""
    if changes:
        print_table(("parameter", "old", "new"), [(one.path, _value(one.old), _value(one.new)) for one in changes])


def print_history(history: "History") -> None:
    """Each application, oldest first; what decides now is marked."""
    rows = [
        (
            one.version,
            "live" if one is history.live else "",
            utc(one.entry.at_ms),
            one.entry.by,
            " ".join(f"{number}:{offset}" for number, offset in sorted(one.positions.items())),
            one.entry.note,
        )
        for one in history.applied
    ]
    if rows:
        print_table(("version", "", "at (UTC)", "by", "partition:position", "note"), rows)


def utc(at_ms: int | None) -> str:
    """An instant as people read it; nothing for none."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def _value(value: Any) -> str:
    """As it stands in the file, in one line."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
