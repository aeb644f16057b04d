"""What runs in shadow beside what is live: who decided, who was right, and what to look at."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.journal_lines import encode as encode_line
from agents.line_files import Line
from agents.report.read import from_dump
from agents.report.shadow import Compared, compared
from streams import config
from streams.journal import ConfigVersion, Entry
from streams.partition import JournalRecord
from tests.core import scenario

Command = Callable[..., Any]
SMALL = {"type": "card_transaction", "card": "c1", "merchant": "kiosk"}
LARGE = {"type": "card_transaction", "card": "c1", "merchant": "jeweler"}


def version(trigger: dict[str, Any], number: int) -> ConfigVersion:
    built = config.build({"triggers": {"card_testing": {"mode": "live", **trigger}}})
    return ConfigVersion(built.version, config.encode(built), number)


def happened() -> Iterator[Entry]:
    """Asked by both and fraud, asked live only and genuine, and one that only the shadow set would have asked about."""
    given: list[dict[str, Any]] = []
    for day, (small, large) in enumerate([(199, 90_000), (400, 90_000), (199, 45_000), (199, 500)]):
        given += [
            {**SMALL, "id": f"small{day}", "after": f"P{10 * day}D", "amount_minor": small, "card": f"c{day}"},
            {**LARGE, "id": f"large{day}", "after": f"P{10 * day}DT1H", "amount_minor": large, "card": f"c{day}"},
        ]
    for day, answer in ((0, "fraud"), (1, "genuine"), (2, "fraud")):
        answered = {"type": "verdict", "after": f"P{10 * day}DT2H", "transaction": f"large{day}", "answer": answer}
        given.append({**answered, "id": f"answer{day}"})
    yield from scenario.happenings(scenario.Case("", given, []))


def lines(*entries: Entry) -> list[Line]:
    records = [JournalRecord(offset, one) for offset, one in enumerate(entries)]
    return [Line("dump", number, encode_line(0, one)) for number, one in enumerate(records)]


def report(*entries: Entry) -> list[Compared]:
    return compared(from_dump(lines(*entries), keeps_decisions=True))


TRIED = {"shadow": {"small_minor_max": 300, "large_unknown_minor_min": 40_000}}


def test_both_only_live_only_shadow_and_who_was_right() -> None:
    [found] = report(version(TRIED, 0), *happened())
    assert (found.trigger, found.live, found.shadow) == ("card_testing", 2, 2)
    assert (found.both, found.only_live, found.only_shadow) == (1, 1, 1)
    assert (found.precision_live.count, found.precision_live.total) == (1, 2)
    assert (found.precision_shadow.count, found.precision_shadow.total) == (2, 2)
    assert "900.00" in found.examples_only_live[0].because
    assert "450.00" in found.examples_only_shadow[0].because


def test_what_was_decided_while_no_shadow_ran_counts_on_neither_side() -> None:
    assert report(version({}, 0), *happened()) == []
    [found] = report(version({}, 0), *happened(), version(TRIED, 1))
    assert (found.live, found.shadow) == (0, 0)


def test_a_trigger_that_is_all_in_shadow_is_shown_without_live_decisions() -> None:
    [found] = report(version({"mode": "shadow"}, 0), *happened())
    assert (found.live, found.shadow, found.only_shadow) == (0, 2, 2)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_command(tmp_path: Path, bellwether: Command, options: tuple[str, ...]) -> None:
    dump = tmp_path / "journal.jsonl"
    dump.write_bytes(b"".join(one.text + b"\n" for one in lines(version(TRIED, 0), *happened())))
    told = bellwether("report", "--shadow", "--input", str(dump), *options)
    assert told.code == 0
    if options:
        assert json.loads(told.out)[0]["only_shadow"] == 1
    else:
        assert "card_testing" in told.out
