"""Which code a figure comes from."""

import subprocess


def commit() -> str:
    """The commit that is checked out; ends with `+` when agents, streams or config differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return head + "+" * bool(_git("status", "--porcelain", "--", "agents", "streams", "config"))


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
