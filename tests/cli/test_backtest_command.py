"""`bellwether backtest`: over dumps and source records, in processes of its own; exit codes; what it writes."""

import json
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from agents.backtest.histories import found_in
from agents.demo import generator
from agents.source_lines import SourceRecord
from agents.stack.process import free_port
from streams.journal import Entry
from tests.backtest.history import TIGHTER, dump, happened, lines, version

Command = Callable[..., Any]
LIVE: list[Entry] = [version(), *happened()]


def rules(folder: Path, **parameters: Any) -> str:
    folder.mkdir()
    (folder / "triggers.yaml").write_text(json.dumps({"triggers": {"card_testing": {"mode": "live", **parameters}}}))
    return str(folder)


@pytest.fixture
def tried(tmp_path: Path) -> str:
    return rules(tmp_path / "tried", **TIGHTER)


def asked(bellwether: Command, *arguments: str) -> tuple[int, Any]:
    ended = bellwether("backtest", *arguments, "--json")
    return ended.code, json.loads(ended.out)


def without_cost(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "cost"}


def test_a_dump_of_several_partitions(tmp_path: Path, tried: str, bellwether: Command) -> None:
    journal = dump(tmp_path / "journal.jsonl", LIVE, range(3))
    code, found = asked(bellwether, "--config", tried, "--from", str(journal))
    assert code == 0
    assert found["total"] == {"unchanged": 3, "changed": 0, "gained": 3, "lost": 3}
    assert (found["old"], found["history"]["partitions"]) == ("live", 3)
    [one] = found["triggers"]
    assert (one["old"]["sent"], one["new"]["sent"]) == (6, 6)
    assert (one["old"]["precision"]["count"], one["old"]["precision"]["total"]) == (3, 6)
    assert one["lost_to"] == one["gained_from"] == {"no_candidate": 3}
    assert sum(day["gained"] for day in one["days"]) == 3
    assert found["cost"]["entries"] == 3 * len(LIVE)


def test_it_is_the_same_however_the_lines_stand_and_whoever_decides(
    tmp_path: Path, tried: str, bellwether: Command
) -> None:
    journal = dump(tmp_path / "journal.jsonl", LIVE, range(2))
    (tmp_path / "split").mkdir()
    dump(tmp_path / "split" / "0.jsonl", LIVE, [0])
    dump(tmp_path / "split" / "1.jsonl", LIVE, [1])
    mixed = tmp_path / "mixed.jsonl"
    both = zip_longest(lines(LIVE, [1]), lines(LIVE, [0]))
    mixed.write_bytes(b"".join(line for pair in both for line in pair) + b"\n")
    results = [
        asked(bellwether, "--config", tried, "--from", str(source), *more)[1]
        for source, more in ((journal, ()), (tmp_path / "split", ()), (mixed, ()), (journal, ("--processes", "1")))
    ]
    first, *others = [without_cost(one) | {"history": one["history"] | {"source": ""}} for one in results]
    assert others == [first] * 3
    assert [one["cost"]["processes"] for one in results][-1] == 1


def test_partitions_that_stand_one_after_the_other_are_read_alone(tmp_path: Path) -> None:
    found = found_in([dump(tmp_path / "journal.jsonl", LIVE, range(2))])
    assert [one.size for one in found.partitions] == [sum(map(len, lines(LIVE, [number]))) for number in range(2)]


def test_decisions_of_a_replay_are_those_of_the_live_side(tmp_path: Path, tried: str, bellwether: Command) -> None:
    journal, decisions = dump(tmp_path / "journal.jsonl", LIVE, range(2)), tmp_path / "decisions"
    bellwether("replay", "--input", str(journal), "--output", str(decisions))
    options = ("--config", tried, "--from", str(journal), "--decisions", str(decisions))
    code, found = asked(bellwether, *options)
    assert (code, found["live"]["is_equal"], found["live"]["compared"]) == (0, True, 4)
    decisions.write_bytes(decisions.read_bytes().replace(b"urgent", b"normal", 1))
    code, found = asked(bellwether, *options)
    assert (code, found["live"]["is_equal"]) == (1, False)
    assert found["live"]["differences"] == ["partition 0: decision 1 of 2 differs"]
    told = bellwether("backtest", *options)
    assert told.code == 1
    assert "Live decisions equal the backtest of the live config: NO." in told.err


def test_rules_to_compare_with_can_be_named(tmp_path: Path, tried: str, bellwether: Command) -> None:
    journal = dump(tmp_path / "journal.jsonl", [version(), *happened()])
    against = rules(tmp_path / "against")
    _, named = asked(bellwether, "--config", tried, "--against", against, "--from", str(journal))
    _, turned = asked(bellwether, "--config", against, "--against", tried, "--from", str(journal))
    assert named["total"] == {"unchanged": 1, "changed": 0, "gained": 1, "lost": 1}
    assert named["triggers"][0]["examples_gained"] == turned["triggers"][0]["examples_lost"]
    assert named["live"]["is_equal"] is None
    _, same = asked(bellwether, "--config", tried, "--against", tried, "--from", str(journal))
    assert same["total"] == {"unchanged": 2, "changed": 0, "gained": 0, "lost": 0}


def test_a_dump_without_rules_is_compared_with_those_of_the_environment(
    tmp_path: Path, tried: str, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_CONFIG", rules(tmp_path / "shipped"))
    journal = dump(tmp_path / "journal.jsonl", happened())
    _, found = asked(bellwether, "--config", tried, "--from", str(journal))
    assert found["total"] == {"unchanged": 1, "changed": 0, "gained": 1, "lost": 1}
    assert found["old"] == version().version


@pytest.mark.parametrize("since", ["2026-01-25", "2026-01-25T00:30:00", "2026-01-25T01:30:00+01:00"])
def test_since_is_a_day_or_an_instant(since: str, tmp_path: Path, tried: str, bellwether: Command) -> None:
    journal = dump(tmp_path / "journal.jsonl", LIVE)
    _, found = asked(bellwether, "--config", tried, "--from", str(journal), "--since", since)
    assert found["total"] == {"unchanged": 0, "changed": 0, "gained": 1, "lost": 0}
    assert found["since"].startswith("2026-01-25T00:")


def test_source_records_are_taken_in_first(
    tmp_path: Path, tried: str, bellwether: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_CONFIG", rules(tmp_path / "shipped"))
    records = tmp_path / "records.jsonl"
    made = [msgspec.json.encode(record) + b"\n" for record in generator.generate(4000, 5).records]
    records.write_bytes(b"".join(made))
    bellwether("replay", "--input", str(records), "--output", str(tmp_path / "decisions"))
    options = ("--from", str(records), "--decisions", str(tmp_path / "decisions"))
    code, found = asked(bellwether, "--config", tried, *options)
    assert (code, found["live"]["is_equal"]) == (0, True)


def test_source_records_are_read_by_the_sources_of_the_config(tmp_path: Path, tried: str, bellwether: Command) -> None:
    records, renamed = tmp_path / "records.jsonl", tmp_path / "renamed.jsonl"
    made = [one for one in generator.generate(4000, 5).records if one.topic == "card-transactions"]
    records.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in made))
    values = [bytes(one.value).replace(b'"card":', b'"token":') for one in made]
    theirs = [SourceRecord("till", Raw(value), one.timestamp) for one, value in zip(made, values, strict=True)]
    renamed.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in theirs))
    _, before = asked(bellwether, "--config", tried, "--from", str(records))
    fields = {name: name for one in made for name in json.loads(bytes(one.value)) if name != "type"} | {
        "card": "token",
        "amount_minor": {"path": "amount_minor", "unit": "minor"},
        "at_ms": {"path": "at_ms", "time": "epoch_ms"},
    }
    sources = {"till": {"type": "card_transaction", "fields": fields}}
    (Path(tried) / "sources.yaml").write_text(json.dumps({"sources": sources}))
    code, found = asked(bellwether, "--config", tried, "--from", str(renamed))
    assert code == 0
    assert sum(before["total"].values()) > 0
    assert without_cost(found) | {"history": ""} == without_cost(before) | {"history": ""}
    (Path(tried) / "sources.yaml").write_text("sources: {till: {type: card_payment}}")
    refused = bellwether("backtest", "--config", tried, "--from", str(renamed))
    assert refused.code == 1
    assert "card_transaction" in refused.err, "says what was expected, though another process read it"
    assert found["history"]["entries"]["event"] == len(made)
    assert found["triggers"][0]["old"]["sent"] > 0


def test_tables_and_page(tmp_path: Path, tried: str, bellwether: Command) -> None:
    journal, page = dump(tmp_path / "journal.jsonl", LIVE), tmp_path / "page.html"
    ended = bellwether("backtest", "--config", tried, "--from", str(journal), "--html", str(page))
    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["card_testing", "2", "2", "1", "0", "1", "1"] in rows
    assert "µs of CPU each" in ended.err
    assert "MB at most" in ended.err
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"kind":"tick","partition":0,"offset":0,"entry":{"at_ms":5}}\n{"kind":\n', "journal.jsonl:2: not a line"),
        ('{"kind":"tick","partition":0,"offset":0,"entry":{}}\n', "journal.jsonl:1: not a line"),
        (None, "journal.jsonl"),
    ],
)
def test_a_broken_dump_is_exit_code_2(
    content: str | None, told: str, tmp_path: Path, tried: str, bellwether: Command
) -> None:
    journal = tmp_path / "journal.jsonl"
    if content is not None:
        journal.write_text(content)
    ended = bellwether("backtest", "--config", tried, "--from", str(journal))
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_wrong_uses(tmp_path: Path, tried: str, bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = ("--decisions", str(tmp_path / "decisions"))
    assert bellwether("backtest", "--config", tried, *decisions).code == 2
    assert bellwether("backtest", "--config", str(tmp_path / "none")).code == 1
    journal = dump(tmp_path / "journal.jsonl", LIVE)
    assert bellwether("backtest", "--config", tried, "--from", str(journal), *decisions).code == 2
    page = ("--html", str(tmp_path / "none" / "page.html"))
    assert bellwether("backtest", "--config", tried, "--from", str(journal), *page).code == 2
    monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
    ended = bellwether("backtest", "--config", tried)
    assert (ended.code, ended.out) == (3, "")
    assert "out of reach" in ended.err
