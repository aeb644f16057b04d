"""Where the tests' Prometheus comes from."""

from pathlib import Path

import pytest

from tests.observability.prometheus import binaries


def test_those_on_the_path_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prometheus", "promtool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries(tmp_path / "cache") == (tmp_path / "prometheus", tmp_path / "promtool")


def test_a_machine_that_can_have_none_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"apt-get can't be run here.* install the package prometheus, or put both"):
        binaries(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [], "nothing is left behind"


def test_a_failed_download_says_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho no network >&2\nexit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"(?s)apt-get .*update ended with 100.*install the package.*no network"):
        binaries(tmp_path / "cache")
