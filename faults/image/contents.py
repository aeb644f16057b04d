"""What is in the image, and what must not be."""

import json
from collections.abc import Iterator
from pathlib import Path

from faults.image.engine import Finding, docker, inspect

OWN_MEGABYTES_MAX = 110
USER = "10001:10001"
TELLTALE = ("PASSWORD", "SECRET", "TOKEN", "PROXY", "PIP_")
ROOT = Path(__file__).parents[2]


def look(image: str) -> Iterator[Finding]:
    """All claims about what is in it.

    Raises:
        EngineError: the image isn't there, or can't be looked into.
    """
    names = [word.partition("=")[0] for word in inspect(image)["Config"]["Env"]]
    telling = [name for name in names if any(part in name.upper() for part in TELLTALE)]
    yield Finding("no variable of the build or with a secret", ", ".join(telling) or "none", not telling)
    megabytes = _own_bytes(image) / 1e6
    yield Finding("small: what we lay upon Python's image", f"{megabytes:.0f} MB", megabytes <= OWN_MEGABYTES_MAX)
    script = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
    inside = json.loads(docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", script))
    user = inside.pop("user")
    yield Finding("runs as nobody who is known", user, user == USER)
    for what, found in inside.items():
        yield Finding(f"no {what}", ", ".join(found) or "none", not found)


def _own_bytes(image: str) -> int:
    """Bytes of the layers that the last stage of our Dockerfile lays upon Python's image."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    instructions = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    ours = instructions[::-1].index("FROM")
    history = docker("history", "--human=false", "--format", "{{.Size}}", image).split()
    return sum(int(size) for size in history[:ours])
