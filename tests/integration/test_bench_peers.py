"""A run of the comparison with our own program on a real broker: measured from outside, and found when it is wrong."""

import os
from pathlib import Path

import msgspec
import pytest

from agents import stack as local_stack
from bench import peer_run, sources
from bench.contestants import NO_GUARANTEE, OURS, Contestant, Order
from bench.outcome import Outcome
from bench.peer_run import Field, PeerRun
from bench.purchases import Settings

BURNT_SECONDS = 0.3
MARKED = """
import subprocess, sys, time
def mark(line):
    print(line, flush=True)
    sys.stdin.readline()
def burn(seconds):
    code = f"import time\\nwhile time.process_time() < {seconds}: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
print('{"level": "a log line"}')
burn(0.2)
mark('{"mark": "begin", "events": 1}')
burn(BURNT)
mark('{"mark": "end", "events": 11}')
print('{"program": "marked", "events": 10}')
""".replace("BURNT", str(BURNT_SECONDS))


def measured(tmp_path: Path, code: str) -> PeerRun:
    """A program of our own, looked at as every program is; this process stands for the broker."""
    contestant = Contestant("marked", "ours", ("-c", code), NO_GUARANTEE)
    order = Order("j1", "nowhere", "in", "out", 11, 0, "group", 4, tmp_path)
    return peer_run._measured(Field("nowhere", os.getpid(), tmp_path), contestant, order, "uniform")


def test_children_count_and_what_is_before_the_mark_does_not(tmp_path: Path) -> None:
    row = measured(tmp_path, MARKED)
    assert row.faults == []
    assert row.measured == 10
    assert BURNT_SECONDS <= row.cpu_seconds < BURNT_SECONDS + 0.2  # what it burnt before the mark would be more
    assert row.resident_bytes > 1_000_000
    assert row.own["events"] == 10


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit('no such option')",
        MARKED.replace('{"program"', '{"program": "marked", "error": "no such option", "was"'),
        MARKED + "sys.exit('no such option')",
    ],
)
def test_a_program_that_fails_has_no_speed_and_says_why(tmp_path: Path, code: str) -> None:
    row = measured(tmp_path, code)
    assert ["no such option" in fault for fault in row.faults] == [True]


@pytest.mark.parametrize(("job", "cards", "number"), [("j1p", 1, 3), ("j2", 2, 4)])
async def test_our_program_re_keys_and_counts_hours(
    stack: local_stack.Stack, tmp_path: Path, job: str, cards: int, number: int
) -> None:
    settings = Settings(events=2900, customers=50, fraud=0.1, cards=cards)
    source = await sources.load_source(stack.kafka, settings, [job], tmp_path)
    field = Field(stack.kafka, stack.pids["kafka"], tmp_path)
    row = await peer_run.run(field, OURS, source, job, warmup=500, number=number)
    assert row.faults == []
    assert 0 < row.measured <= 2400


async def test_our_program_is_right_and_a_wrong_output_is_found(stack: local_stack.Stack, tmp_path: Path) -> None:
    source = await sources.load_source(stack.kafka, Settings(events=3000, customers=50, fraud=0.1), ["j1"], tmp_path)
    field = Field(stack.kafka, stack.pids["kafka"], tmp_path)
    row = await peer_run.run(field, OURS, source, "j1", warmup=500, number=1)
    assert row.faults == []
    assert 0 < row.measured <= 2500
    assert row.own["outputs"] == source.expected["j1"].count > 20
    wrong = msgspec.structs.replace(source, expected={"j1": Outcome(1, "", "")})
    assert len((await peer_run.run(field, OURS, wrong, "j1", warmup=0, number=2)).faults) == 1
    assert await sources.uncommitted(stack.kafka, "nobody", source.topic) == source.settings.events
