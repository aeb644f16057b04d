"""Prometheus and promtool: those on the PATH, else Debian's, fetched once into the user's cache.

No package registry that we install from has them, so apt-get is asked, with lists of its own: it needs no root, changes
nothing of the system, and checks the package against Debian's signed lists.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from agents.stack import jars, process

START_SECONDS_MAX = 30.0
NAMES = ("prometheus", "promtool")
HINT = "The tests need prometheus and promtool, 2.42 or later: install the package prometheus, or put both on the PATH."


class Binaries(NamedTuple):
    prometheus: Path
    promtool: Path

    def run_promtool(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Exit code and output of `promtool`."""
        return subprocess.run([self.promtool, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - as found here


def binaries(cache: Path | None = None) -> Binaries:
    """Where both are; fetched first if they are nowhere.

    Raises:
        RuntimeError: they can't be had; says why, and what to do.
    """
    found = [shutil.which(name) for name in NAMES]
    if all(found):
        return Binaries(*(Path(path or "") for path in found))
    folder = cache or jars.cache_folder().with_name("prometheus")
    if not all((folder / name).exists() for name in NAMES):
        _fetch(folder)
    return Binaries(*(folder / name for name in NAMES))


def _fetch(folder: Path) -> None:
    """Each is moved into the folder in one step: two test processes at once do no harm."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        for part in ("lists/partial", "archives/partial"):
            (scratch / part).mkdir(parents=True)
        own = (f"Dir::State::Lists={scratch}/lists", f"Dir::Cache={scratch}", "APT::Sandbox::User=root")
        options = [word for one in own for word in ("-o", one)]
        _run(scratch, "apt-get", "--quiet", *options, "update")
        _run(scratch, "apt-get", "--quiet", *options, "download", "prometheus")
        _run(scratch, "dpkg-deb", "--extract", *map(str, scratch.glob("*.deb")), str(scratch / "package"))
        for one in NAMES:
            (scratch / "package/usr/bin" / one).replace(folder / one)


def _run(folder: Path, *command: str) -> None:
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - the system's
    except OSError as error:
        raise RuntimeError(f"{command[0]} can't be run here ({error.strerror}). {HINT}") from error
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}. {HINT}\n{ended.stdout}{ended.stderr}")


@contextmanager
def running(found: Binaries, config: Path, folder: Path) -> Iterator[str]:
    """A Prometheus with this config, on 127.0.0.1; its URL."""
    url, log = f"127.0.0.1:{process.free_port()}", folder / "prometheus.log"
    options = (f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={url}")
    started = process.start([str(found.prometheus), *options], log)
    process.wait_until_ready("Prometheus", started, log, lambda: _is_ready(f"http://{url}"), START_SECONDS_MAX)
    try:
        yield f"http://{url}"
    finally:
        started.stop()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/-/ready", timeout=1) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
