"""Tells what is in the image, from inside a container of it, as one JSON object.

Run by the image's own Python, on a file system that isn't read-only: else nothing would count as writable.
"""

import importlib.util
import json
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

TOOLS = ("cc", "gcc", "g++", "clang", "make", "ld", "pip", "pip3", "uv")
INSTALLERS = ("pip", "setuptools", "pkg_resources", "wheel", "ensurepip")
OF_THE_BUILD = ("/run/secrets", "/etc/pip.conf", "/build")
COMPILED = ("ssl", "asyncio.events", "urllib.request", "faust", "agents.worker", "streams.engine")
PLACES = ("/opt", "/usr", "/etc")


def writable() -> Iterator[str]:
    """What this user could change, if the file system let it."""
    for place in PLACES:
        for folder, _, files in os.walk(place):
            for path in (Path(folder), *(Path(folder, file) for file in files)):
                if not path.is_symlink() and os.access(path, os.W_OK):
                    yield str(path)


def installers() -> Iterator[str]:
    """What could install or build packages."""
    library = Path(sysconfig.get_path("stdlib"))
    for folder in (library, library / "site-packages", Path(sysconfig.get_path("purelib"))):
        yield from (str(folder / name) for name in INSTALLERS if (folder / name).exists())


def uncompiled() -> Iterator[str]:
    """Modules that each start would compile again."""
    for name in COMPILED:
        found = importlib.util.find_spec(name)
        if not found or not found.cached or not Path(found.cached).exists():
            yield name


def tools() -> Iterator[str]:
    """Programs of whoever wants to build something here."""
    path = os.pathsep.join((*os.get_exec_path(), "/usr/local/bin", "/usr/bin", "/usr/sbin"))
    yield from (found for name in TOOLS if (found := shutil.which(name, path=path)))


print(  # noqa: T201 - its only way out
    json.dumps(
        {
            "user": f"{os.getuid()}:{os.getgid()}",
            "programs that build or install": list(tools()),
            "packages that build or install": list(installers()),
            "places that it could write to": list(writable()),
            "leftovers of the build": [path for path in OF_THE_BUILD if Path(path).exists()],
            "modules without byte code": list(uncompiled()),
        }
    )
)
