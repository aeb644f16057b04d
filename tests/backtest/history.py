"""A journal for backtests: cards tested with amounts around the thresholds, some answered."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agents.backtest.course import Course, Outcome, Plan
from agents.journal_lines import encode as encode_line
from streams import config
from streams.journal import ConfigVersion, Entry
from streams.partition import JournalRecord
from tests.core import scenario

SMALL = {"type": "card_transaction", "merchant": "kiosk"}
LARGE = {"type": "card_transaction", "merchant": "jeweler"}
CASES = ((199, 90_000, "fraud"), (400, 90_000, "genuine"), (199, 45_000, "fraud"), (199, 500, None))
TIGHTER = {"small_minor_max": 300, "large_unknown_minor_min": 40_000}  # loses the second, gains the third


def version(number: int = 0, **parameters: Any) -> ConfigVersion:
    """Rules with card_testing alone."""
    built = config.build({"triggers": {"card_testing": {"mode": "live", **parameters}}})
    return ConfigVersion(built.version, config.encode(built), number)


def happened() -> list[Entry]:
    """Every ten days a small purchase and a large one an hour later, and, an hour after that, an answer if any."""
    given: list[dict[str, Any]] = []
    for number, (small, large, answer) in enumerate(CASES):
        day, card = 10 * number, f"card-{number}"
        given += [
            {**SMALL, "id": f"small{number}", "after": f"P{day}D", "amount_minor": small, "card": card},
            {**LARGE, "id": f"large{number}", "after": f"P{day}DT1H", "amount_minor": large, "card": card},
        ]
        if answer:
            answered = {"type": "verdict", "transaction": f"large{number}", "answer": answer}
            given.append({**answered, "id": f"answer{number}", "after": f"P{day}DT2H"})
        given.append({"type": "tick", "after": f"P{day}DT3H"})
    return scenario.happenings(scenario.Case("", given, []))


def records(entries: Iterable[Entry]) -> list[JournalRecord]:
    """In one partition."""
    return [JournalRecord(offset, entry) for offset, entry in enumerate(entries)]


def ran(plan: Plan, entries: Iterable[Entry], batch: int = 1000, checked_below: int = 1 << 62) -> Outcome:
    """A partition's backtest, so many entries at a time."""
    course, every = Course(0, plan, checked_below), records(entries)
    for at in range(0, len(every), batch):
        course.take(every[at : at + batch])
    return course.close()


def dump(file: Path, entries: Sequence[Entry], partitions: Iterable[int] = (0,)) -> Path:
    """The same entries in each of these partitions, one partition after the other."""
    file.write_bytes(b"".join(lines(entries, partitions)))
    return file


def lines(entries: Sequence[Entry], partitions: Iterable[int]) -> Iterator[bytes]:
    """A line each."""
    for number in partitions:
        yield from (encode_line(number, one) + b"\n" for one in records(entries))
