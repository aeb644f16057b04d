"""The guard of what an event costs: the core is within its baseline, and whatever was added is told."""

import os
import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from bench import guard
from bench.guard import PYTHON, Cost, Measured

ROOT = Path(__file__).parents[1]
CARD = "decide card_transaction"
BEFORE = Measured("journal", {CARD: Cost(events=200, steps=1000, objects=50, functions={"turn.run": 600, "x.y": 400})})


def test_the_core_costs_no_more_than_its_baseline() -> None:
    """In a process of its own: what else is loaded, or traces, must not count."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "bench", "guard"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nif it is worth that: {guard.RENEW}"
    assert CARD in done.stdout


def told(**changes: object) -> list[str]:
    now = Measured("journal", {CARD: replace(BEFORE.costs[CARD], **changes)})
    return list(guard.compare(now, {PYTHON: BEFORE}))


def test_a_tenth_more_is_told_with_the_functions_that_grew() -> None:
    assert told() == told(steps=1100, objects=57) == told(steps=1, objects=0) == []
    assert told(steps=1101, functions={"turn.run": 600, "x.y": 420, "x.z": 81}) == [
        f"{CARD}: 1101 steps an event, 1000 before; x.z +81, x.y +20"
    ]
    assert told(objects=58) == [f"{CARD}: 58 objects an event, 50 before: more is decoded, encoded or built"]


def test_what_cannot_be_compared_fails_and_says_how_to_go_on(tmp_path: Path) -> None:
    (other,) = guard.compare(BEFORE, {"2.7": BEFORE})
    assert f"no baseline for Python {PYTHON}, only for 2.7" in other
    assert guard.RENEW in other
    (other,) = guard.compare(BEFORE, {PYTHON: replace(BEFORE, journal="another")})
    assert guard.RENEW in other
    guard.save(BEFORE, tmp_path / "guard.json")
    assert guard.read_baseline(tmp_path / "guard.json") == {PYTHON: BEFORE}
