"""Kafka's jars: only the pinned ones are used, and a failed download says what to do."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from agents import stack
from agents.stack import jars
from agents.stack.process import free_port

JAR = b"made up"


@pytest.fixture(autouse=True)
def our_own_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BELLWETHER_KAFKA", "BELLWETHER_REDIS"):
        monkeypatch.delenv(name, raising=False)


def servers_in(folder: Path) -> list[psutil.Process]:
    """Redis is started first, and works in the folder: it must be gone when Kafka then can't be had."""
    return [found for found in psutil.process_iter(["cwd"]) if str(folder) in (found.info["cwd"] or "")]


class Forger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"not what you asked for")

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


class Busy(BaseHTTPRequestHandler):
    """Hangs up at first, and serves each file the third time it is asked for."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        if self.asked[self.path] >= 3:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(JAR)

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@contextmanager
def repository(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_altered_jar_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars.class_path(jars.cache_folder())  # so that there is one to copy
    cache = tmp_path / "bellwether" / "kafka"
    shutil.copytree(jars.cache_folder(), cache)
    altered = cache / "kafka-clients-4.1.0.jar"
    data = bytearray(altered.read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(stack.StackError, match=r"kafka-clients-4\.1\.0\.jar is not the jar that is pinned"):
        stack.up(tmp_path / "stack")
    assert servers_in(tmp_path) == []


def test_a_failed_download_tells_what_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\nnowhere = http://127.0.0.1:{free_port()}/maven\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    line = [sys.executable, "-c", "from agents.cli import main; main()", "stack", "up", "--random-ports"]
    failed = subprocess.run(  # noqa: S603 -- our own command
        [*line, "--folder", str(tmp_path / "stack")], check=False, capture_output=True, text=True
    )
    assert failed.returncode == 3
    assert failed.stdout == ""
    for word in ("Could not fetch", "from nowhere", "proxy", "try again", "BELLWETHER_KAFKA"):
        assert word in failed.stderr
    assert "Traceback" not in failed.stderr
    assert servers_in(tmp_path) == []


def test_a_repository_that_serves_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "jgo.conf"
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    with repository(Forger) as address:
        settings.write_text(f"[repositories]\nforged = {address}\n")
        with pytest.raises(stack.StackError, match=r"(?s)\.jar is not the jar that is pinned.*what forged serves"):
            jars.class_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_network_that_fails_for_a_moment_is_asked_again_once_for_all_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, lock = tmp_path / "jgo.conf", tmp_path / "jars.sha256"
    lock.write_text(f"{hashlib.sha256(JAR).hexdigest()}  org.example:made-up:1.0\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setattr(jars, "AGAIN_SECONDS", (0.01, 0.01, 0.01))
    with repository(Busy) as address, ThreadPoolExecutor(4) as pool:
        settings.write_text(f"[repositories]\nbusy = {address}\n")
        paths = set(pool.map(lambda _: jars.class_path(tmp_path / "cache", lock), range(4)))
    assert Path(*paths).read_bytes() == JAR
    assert [count for path, count in Busy.asked.items() if path.endswith(".jar")] == [3]


def test_every_jar_of_the_class_path_is_pinned() -> None:
    on_class_path = {Path(path).name for path in jars.class_path(jars.cache_folder()).split(os.pathsep)}
    assert on_class_path == {jar.name for jar in jars.locked()}
    assert len(on_class_path) == 46
    assert {f"{name}-{version}.jar" for _, name, version in (part.split(":") for part in jars.ENDPOINT)} < on_class_path
