"""`bellwether replay`: files in, files out, and the same bytes whatever the process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents import config_files, journal_lines, source_lines
from agents.demo import generator
from agents.line_files import Line
from agents.settings import PACKAGED_CONFIG
from streams.partition import JournalRecord

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("input") / "records.jsonl"
    made = islice(generator.generate(4000, 5).records, 4000)
    file.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in made) + b"{broken\n")
    return file


def journal_of(records: Path) -> list[JournalRecord]:
    lines = [Line("", number, text) for number, text in enumerate(records.read_bytes().splitlines(), start=1)]
    return list(source_lines.journal(lines, config_files.load(PACKAGED_CONFIG), lambda *_: None))


def write_dump(file: Path, entries: list[tuple[int, JournalRecord]]) -> None:
    file.write_bytes(b"".join(journal_lines.encode(number, record) + b"\n" for number, record in entries))


def in_a_process(hash_seed: str, *arguments: str) -> None:
    line = [sys.executable, "-c", "from agents.cli import main; main()", *arguments]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(line, check=True, capture_output=True, env=environment)  # noqa: S603 - our own


def test_the_bytes_are_the_same_under_another_hash_seed(records: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        in_a_process(seed, "replay", "--input", str(records), "--output", str(tmp_path / seed))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert (tmp_path / "1").read_bytes().count(b"\n") > 1


def test_the_summary_adds_up_and_dead_letters_say_where(records: Path, tmp_path: Path, bellwether: Command) -> None:
    output, dead = tmp_path / "decisions.jsonl", tmp_path / "dead.jsonl"
    options = ("--input", str(records), "--output", str(output), "--dead-letters", str(dead))
    ended = bellwether("replay", *options, "--json")
    assert ended.code == 0
    summary = json.loads(ended.out)
    count = records.read_bytes().count(b"\n")
    assert summary["records"] == count == summary["entries"]["event"] + 1
    assert summary["dead_letters"] == {"not_json": 1}
    decisions = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert sum(sum(outcomes.values()) for outcomes in summary["decisions"].values()) == len(decisions)
    assert {one["trigger"] for one in decisions} == set(summary["decisions"])
    [letter] = [json.loads(line) for line in dead.read_bytes().splitlines()]
    assert (letter["file"], letter["line"], letter["body"]) == (str(records), count, "{broken\n")
    assert f"{len(decisions)} decisions in {output}" in ended.err
    table = bellwether("replay", *options)
    assert ["dead", "letters", "not_json", "1"] in [line.split() for line in table.out.splitlines()]


def test_a_dump_is_written_by_partition_then_position(records: Path, tmp_path: Path, bellwether: Command) -> None:
    output, sorted_output = tmp_path / "decisions.jsonl", tmp_path / "sorted.jsonl"
    entries = journal_of(records)
    interleaved = [(number, record) for record in entries for number in (1, 0)]
    write_dump(tmp_path / "journal.jsonl", interleaved)
    write_dump(tmp_path / "by-partition.jsonl", sorted(interleaved, key=lambda one: (one[0], one[1].offset)))
    assert bellwether("replay", "--input", str(tmp_path / "journal.jsonl"), "--output", str(output)).code == 0
    other = bellwether("replay", "--input", str(tmp_path / "by-partition.jsonl"), "--output", str(sorted_output))
    assert other.code == 0
    assert output.read_bytes() == sorted_output.read_bytes() != b""


def test_a_broken_line_of_a_dump_is_exit_code_2_and_writes_nothing(tmp_path: Path, bellwether: Command) -> None:
    (tmp_path / "journal").write_bytes(b'{"kind":"tick","partition":0,"offset":0,"entry":{"at_ms":5}}\n{"kind":\n')
    ended = bellwether("replay", "--input", str(tmp_path / "journal"), "--output", str(tmp_path / "out"))
    assert (ended.code, ended.out) == (2, "")
    assert f"{tmp_path / 'journal'}:2: not a line of a journal dump" in ended.err
    assert not (tmp_path / "out").exists()


def test_what_would_be_read_as_input_is_not_written(tmp_path: Path, bellwether: Command) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(b"{}\n")
    for target in ("a.jsonl", "decisions.jsonl"):
        ended = bellwether("replay", "--input", str(tmp_path), "--output", str(tmp_path / target))
        assert (ended.code, ended.out) == (2, "")
        assert "would be read as input" in ended.err
    assert (tmp_path / "a.jsonl").read_bytes() == b"{}\n"


def test_a_folder_without_records_and_a_dump_with_rules_are_wrong_uses(tmp_path: Path, bellwether: Command) -> None:
    output = ("--output", str(tmp_path / "out"))
    nothing = bellwether("replay", "--input", str(tmp_path / "none"), *output)
    assert nothing.code == 2
    assert f"{tmp_path / 'none'}: expected a file, or a folder with *.jsonl" in nothing.err
    (tmp_path / "journal").write_bytes(b'{"kind":"tick","partition":0,"offset":0,"entry":{"at_ms":5}}\n')
    rules = bellwether("replay", "--input", str(tmp_path / "journal"), *output, "--config", str(PACKAGED_CONFIG))
    assert rules.code == 2
    assert "brings its own rules" in rules.err
