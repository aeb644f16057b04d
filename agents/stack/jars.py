"""Kafka's jars: fetched once through jgo, pinned by SHA-256, checked before every start.

The lock file names each jar and its digest. Nothing outside it is fetched or put on a class path, so there is no
dependency resolution here and no POM to trust; `relock` is the one place that resolves.
"""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from jgo.config import GlobalSettings
from jgo.maven import MavenContext
from requests import RequestException
from rich.console import Console
from rich.progress import track

from agents.stack.errors import StackError

ENDPOINT = ("org.apache.kafka:kafka_2.13:4.1.0", "org.slf4j:slf4j-simple:1.7.36")
"""What the lock is made from. Without slf4j-simple the broker runs, but logs nothing."""

BROKER = files("agents.stack").joinpath("kafka-jars.sha256")
DOWNLOADS_AT_ONCE = 8
AGAIN_SECONDS = (1.0, 2.0, 4.0)  # a name server or a mirror that is busy has answered by then


class Jar(NamedTuple):
    """One line of the lock file: SHA-256 in hex, and `group:artifact:version`."""

    sha256: str
    coordinate: str

    @property
    def name(self) -> str:
        """File name, as in every Maven repository."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def cache_folder() -> Path:
    """Where this user's jars are kept: `$XDG_CACHE_HOME/bellwether/kafka`, else below `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bellwether" / "kafka"


def locked(lock: Traversable = BROKER) -> list[Jar]:
    """Every pinned jar, in the order of the lock file."""
    return [Jar(*line.split()) for line in lock.read_text(encoding="utf-8").splitlines()]


def class_path(cache: Path, lock: Traversable = BROKER) -> str:
    """Class path of a lock file's jars (the broker's), every one checked; missing ones are fetched first.

    Raises:
        StackError: a jar differs from its pin, or can't be fetched.
    """
    jars = locked(lock)
    _fetch(jars, cache)
    for jar in jars:
        path = cache / jar.name
        _check(jar, path, f"Delete {path} to have it fetched again.")
    return unchecked_class_path(cache, lock)


def unchecked_class_path(cache: Path, lock: Traversable = BROKER) -> str:
    """The same, whatever is there: to name what belongs to these jars, not to run them."""
    return os.pathsep.join(str(cache / jar.name) for jar in locked(lock))


def relock(endpoint: Sequence[str] = ENDPOINT) -> str:
    """Text of a fresh lock file, as jgo resolves the endpoint today. For whoever raises Kafka's version."""
    with tempfile.TemporaryDirectory() as scratch:
        maven = _maven(Path(scratch))
        asked, drawn_in = maven.resolver.resolve([maven.create_dependency(part) for part in endpoint])
        artifacts = [dependency.artifact for dependency in (*asked, *drawn_in)]
        lines = [(f"{a.groupId}:{a.artifactId}:{a.version}", _sha256(a.resolve())) for a in artifacts]
    return "".join(f"{digest}  {coordinate}\n" for coordinate, digest in sorted(lines))


def _fetch(jars: list[Jar], cache: Path) -> None:
    """Downloads what is missing, into a folder of our own: a broken download never poisons the user's Maven repository.

    Brokers may start side by side: the first one downloads, the others wait for it.
    """
    if not _missing(jars, cache):
        return
    cache.mkdir(parents=True, exist_ok=True)
    with (
        cache.with_suffix(".lock").open("w") as lock,
        tempfile.TemporaryDirectory(dir=cache) as scratch,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing, maven = _missing(jars, cache), _maven(Path(scratch))
        done = pool.map(lambda jar: _download(jar, maven, cache), missing)
        try:
            _show_progress(done, len(missing))
        except StackError:
            pool.shutdown(cancel_futures=True)
            raise


def _missing(jars: list[Jar], cache: Path) -> list[Jar]:
    return [jar for jar in jars if not (cache / jar.name).exists()]


def _show_progress(done: Iterator[None], total: int) -> None:
    console = Console(stderr=True)
    for _ in track(done, f"Fetching Kafka ({total} jars, once)", total=total, console=console, transient=True):
        pass


def _download(jar: Jar, maven: MavenContext, cache: Path) -> None:
    """Fetches one jar, checks it, and moves it into the cache in one step: nobody ever sees half of one."""
    try:
        path = _fetched(jar, maven)
    except (RequestException, RuntimeError, OSError) as error:
        raise StackError(_download_failed(jar, maven, error)) from error
    _check(jar, path, f"Don't trust what {', '.join(maven.remote_repos)} serves: see the mirrors in jgo's config file.")
    path.replace(cache / jar.name)


def _fetched(jar: Jar, maven: MavenContext) -> Path:
    """Where it was downloaded to. A network that fails for a moment is asked again."""
    group, artifact, version = jar.coordinate.split(":")
    wanted = maven.project(group, artifact).at_version(version).artifact()
    for pause_seconds in AGAIN_SECONDS:
        try:
            return Path(wanted.resolve())
        except RequestException:
            time.sleep(pause_seconds)
    return Path(wanted.resolve())


def _download_failed(jar: Jar, maven: MavenContext, error: Exception) -> str:
    return (
        f"Could not fetch {jar.coordinate} from {', '.join(maven.remote_repos)} ({type(error).__name__}).\n"
        "The local Kafka broker needs its jars once; what arrived so far is kept.\n"
        "Check the network and the proxy (HTTPS_PROXY), or name a mirror in jgo's config file, and try again.\n"
        "Or set BELLWETHER_KAFKA to a running broker, such as 127.0.0.1:9092: then no jar is needed."
    )


def _maven(folder: Path) -> MavenContext:
    """Jgo's own, pure Python resolver, with the repositories of the user's jgo settings, else Maven Central."""
    return MavenContext(repo_cache=folder, remote_repos=GlobalSettings.load().repositories or None, timeout=30)


def _check(jar: Jar, path: Path, remedy: str) -> None:
    found = _sha256(path)
    if found != jar.sha256:
        raise StackError(
            f"{jar.name} is not the jar that is pinned: SHA-256 {found}, expected {jar.sha256}.\n"
            f"Kafka was not started. {remedy}"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
