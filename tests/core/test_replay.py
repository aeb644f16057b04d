"""Replay: the decisions that follow from a file are the same, byte for byte, whoever asks and however often."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents import config_files, journal_lines, source_lines
from agents.demo import generator
from agents.line_files import Line, files_of
from agents.line_files import read as read_lines
from agents.replay import Decided, Replay, ReplayError, is_dump, replay_entries, replay_journal, replay_sources
from agents.settings import PACKAGED_CONFIG
from streams import config
from streams.actions import Decision, encode_decision
from streams.config import Config
from streams.dead_letters import Rejected
from streams.journal import ConfigVersion, Forget, Tick
from streams.partition import JournalRecord, Partition
from streams.partition_record import CONFIG_KEY, RESERVED_KEYS

START_MS = 1_700_000_000_000


@pytest.fixture
def rules(tmp_path: Path) -> Config:
    (tmp_path / "triggers.yaml").write_text("triggers: {card_testing: {mode: live}, fraud_verdict: {mode: shadow}}\n")
    return config_files.load(tmp_path)


def lines_of(texts: Iterable[bytes]) -> list[Line]:
    return [Line("records.jsonl", number, text) for number, text in enumerate(texts, start=1)]


def purchase(event: str, minutes: int, amount_minor: int, merchant: str, **more: Any) -> bytes:
    at_ms = START_MS + minutes * 60_000
    value = {"type": "card_transaction", "id": event, "customer": "ada", "at_ms": at_ms, "card": "tok-1"}
    value |= {"amount_minor": amount_minor, "currency": "EUR", "merchant": merchant, **more}
    record = {"topic": "card-transactions", "key": "tok-1", "value": value, "timestamp": at_ms}
    return msgspec.json.encode(record)


TESTED_CARD = [purchase("p1", 0, 199, "kiosk"), purchase("p2", 10, 90_000, "jeweller")]


def generated(count: int) -> list[Line]:
    return lines_of(msgspec.json.encode(record) for record in islice(generator.generate(count, 3).records, count))


def encoded(decided: Iterable[Decided]) -> list[tuple[int, bytes]]:
    return [(number, encode_decision(decision)) for number, decision in decided]


def dumped(entries: Iterable[tuple[int, JournalRecord]]) -> list[Line]:
    return lines_of(journal_lines.encode(number, record) for number, record in entries)


def test_a_small_purchase_and_a_large_one_ask_the_cardholder(rules: Config) -> None:
    [(partition, decision)] = replay_sources(lines_of(TESTED_CARD), rules, Replay())
    assert partition == 0
    assert (decision.trigger, decision.action, decision.outcome) == ("card_testing", "verify_with_cardholder", "sent")
    assert decision.customer == "ada"
    assert decision.config_version == rules.version
    assert decision.decided_at_ms == decision.event_at_ms == START_MS + 600_000
    # 0 is the config, 1 and 3 are the ticks
    assert [(cause.event, cause.position) for cause in decision.causes] == [("p1", 2), ("p2", 4)]
    assert decision.id == "450705e1-c3d1-5ad0-8ae4-ac78be9b56f0"


def test_the_same_file_twice_gives_the_same_bytes_and_states() -> None:
    lines, rules = generated(8000), config_files.load(PACKAGED_CONFIG)
    one, other = Replay(), Replay()
    first = encoded(replay_sources(lines, rules, one))
    assert len(first) > 5
    assert first == encoded(replay_sources(lines, rules, other))
    assert one.tables == other.tables
    assert len(one.tables[0]) > len(RESERVED_KEYS)


def test_a_dump_gives_what_the_sources_gave() -> None:
    lines, rules = generated(8000), config_files.load(PACKAGED_CONFIG)
    live, again = Replay(), Replay()
    decided = encoded(replay_sources(lines, rules, live))
    entries = [(0, record) for record in source_lines.journal(lines, rules, lambda *_: None)]
    assert encoded(replay_journal(dumped(entries), again)) == decided
    assert again.tables == live.tables
    assert (again.entries, again.repeated) == (live.entries, live.repeated)
    assert live.repeated > 0


def test_a_replay_can_go_on_from_tables_at_any_entry(rules: Config) -> None:
    verdict = {"type": "verdict", "id": "v1", "customer": "ada", "at_ms": START_MS + 700_000}
    value = verdict | {"transaction": "p2", "answer": "fraud"}
    answer = msgspec.json.encode({"topic": "verdicts", "value": value, "timestamp": START_MS + 700_000})
    sources = lines_of([*TESTED_CARD, answer])
    entries = [(0, record) for record in source_lines.journal(sources, rules, lambda *_: None)]
    whole = Replay()
    decided = encoded(replay_entries(entries, whole))
    assert len(decided) == 2
    for cut in range(len(entries) + 1):
        before = Replay()
        begun = encoded(replay_entries(entries[:cut], before))
        after = Replay({number: dict(table) for number, table in before.tables.items()})
        assert begun + encoded(replay_entries(entries[cut:], after)) == decided
        assert after.tables == whole.tables


def test_partitions_of_a_dump_are_kept_apart(rules: Config) -> None:
    own = list(source_lines.journal(lines_of(TESTED_CARD), rules, lambda *_: None))
    interleaved = [(number, record) for record in own for number in (3, 1)]
    replay = Replay()
    decided = encoded(replay_journal(dumped(interleaved), replay))
    assert [number for number, _ in decided] == [3, 1]
    assert decided[0][1] == decided[1][1]
    assert replay.tables[1] == replay.tables[3]


def test_an_entry_below_the_applied_offset_is_passed_over_and_counted(rules: Config) -> None:
    entries = [(0, record) for record in source_lines.journal(lines_of(TESTED_CARD), rules, lambda *_: None)]
    replay = Replay()
    assert len(list(replay_entries(entries + entries, replay))) == 1
    assert replay.passed_over == len(entries)


def test_ticks_come_before_an_event_a_second_or_more_past_the_last_tick(rules: Config) -> None:
    times = [5000, 5999, 6000, 2000, 6500, 7000]
    records = [
        {
            "topic": "profiles",
            "timestamp": at_ms,
            "value": {"type": "profile", "id": str(at_ms), "customer": "a", "at_ms": at_ms},
        }
        for at_ms in times
    ]
    made = list(source_lines.journal(lines_of(map(msgspec.json.encode, records)), rules, lambda *_: None))
    assert [record.offset for record in made] == list(range(len(made)))
    assert isinstance(made[0].entry, ConfigVersion)
    told = [("tick", one.entry.at_ms) if isinstance(one.entry, Tick) else one.entry.event.at_ms for one in made[1:]]  # type: ignore[union-attr]
    assert told == [("tick", 5000), 5000, 5999, ("tick", 6000), 6000, 2000, 6500, ("tick", 7000), 7000]


def rejections(texts: Iterable[bytes], rules: Config) -> Iterator[tuple[int, Rejected]]:
    found: list[tuple[int, Rejected]] = []
    replay = Replay()
    list(replay_sources(lines_of(texts), rules, replay, lambda line, why: found.append((line.number, why))))
    assert replay.entries.get("event", 0) + len(found) == len(list(texts))
    yield from found


def test_what_cannot_be_read_is_a_dead_letter_with_its_line_and_masked(rules: Config) -> None:
    card_number = "4111" + "1111" * 3
    texts = [
        b'{"topic": "profiles", "value": {\n',
        b"[1]\n",
        b'{"topic": "profiles", "timestamp": 5}\n',
        b'{"topic": "nowhere", "value": {}, "timestamp": 5}\n',
        b'{"topic": "profiles", "value": "no json", "timestamp": 5}\n',
        b'{"topic": "profiles", "value": null, "timestamp": 5}\n',
        b'{"topic": "profiles", "value": "\\ud800", "timestamp": 5}\n',
        purchase("p1", 0, 1, "kiosk", note=card_number),
        b'{"broken": "' + card_number.encode(),
        purchase("p2", 0, 1, "kiosk"),
    ]
    found = list(rejections(texts, rules))
    assert [(number, why.reason) for number, why in found] == [
        (1, "not_json"),
        (2, "wrong_type"),
        (3, "missing_field"),
        (4, "unknown_value"),
        (5, "not_json"),
        (6, "empty"),
        (7, "not_json"),
        (8, "card_number"),
        (9, "not_json"),
    ]
    assert all(card_number not in f"{why.message}{why.body!r}" for _, why in found)
    assert all(why.message.endswith(".") for _, why in found)


def test_raw_text_that_is_json_is_read_as_it_stands_there(rules: Config) -> None:
    record = msgspec.json.decode(TESTED_CARD[0])
    as_text = msgspec.json.encode(record | {"value": msgspec.json.encode(record["value"]).decode()})
    assert list(rejections([as_text], rules)) == []


@pytest.mark.parametrize("text", [b"{", b'{"kind":"tick"}', b'{"kind":"rain","partition":0,"offset":1,"entry":{}}'])
def test_a_bad_line_of_a_dump_is_an_error_with_file_and_line(text: bytes) -> None:
    lines = [*dumped([(0, JournalRecord(0, Tick(5)))]), Line("journal.jsonl", 7, text)]
    with pytest.raises(ReplayError, match=r"journal\.jsonl:7: not a line of a journal dump: "):
        list(replay_journal(lines, Replay()))


def test_a_config_that_does_not_fit_is_refused_and_the_one_before_goes_on_deciding(rules: Config) -> None:
    fits = ConfigVersion(rules.version, config.encode(rules), 0)
    unknown = ConfigVersion("v2", b'{"triggers":{"no_such_trigger":{"mode":"live"}}}', 1)
    garbage = ConfigVersion("v3", b"\xff", 2)
    replay = Replay()
    list(replay_entries([(0, JournalRecord(at, one)) for at, one in enumerate((fits, unknown, garbage))], replay))
    assert replay.refused == {"v2", "v3"}
    again = Partition(dict(replay.tables[0]))
    assert (again.rules.version, again.refused) == (rules.version, "v3"), "a restart knows it, too"
    list(replay_entries([(0, JournalRecord(3, fits))], replay))
    assert Partition(dict(replay.tables[0])).refused == ""


def test_the_kind_of_a_file_is_told_by_its_first_line() -> None:
    assert is_dump(dumped([(0, JournalRecord(0, Tick(5)))])[0])
    assert not any(is_dump(line) for line in (None, *lines_of([TESTED_CARD[0], b"{", b"[]", b"\xff"])))


def test_a_folder_is_read_in_name_order_and_blank_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(b"3\n")
    (tmp_path / "a.jsonl").write_bytes(b"1\n\n2")
    (tmp_path / "c.json").write_bytes(b"4\n")
    sizes: list[int] = []
    found = [
        (Path(file).name, number, text.strip()) for file, number, text in read_lines(files_of(tmp_path), sizes.append)
    ]
    assert found == [("a.jsonl", 1, b"1"), ("a.jsonl", 3, b"2"), ("b.jsonl", 1, b"3")]
    assert sum(sizes) == 6


def test_a_forgotten_customer_is_gone_from_the_table(rules: Config) -> None:
    entries = list(source_lines.journal(lines_of(TESTED_CARD), rules, lambda *_: None))
    replay = Replay()
    forget = JournalRecord(len(entries), Forget("request", "ada", START_MS))
    decided: list[Decision] = [one for _, one in replay_entries(((0, one) for one in [*entries, forget]), replay)]
    assert len(decided) == 1
    assert b"ada" not in replay.tables[0]
    assert CONFIG_KEY in replay.tables[0]


def test_entries_at_once_are_the_same_as_one_by_one(rules: Config) -> None:
    records = [record for _, record in decoded_journal(rules)]
    one_by_one, at_once = Replay(), Replay()
    first = [decision for record in records for decision in one_by_one.apply(0, record)]
    second = at_once.apply(0, *records, *records[:5])
    assert [encode_decision(one) for one in first] == [encode_decision(one) for one in second] != []
    assert at_once.tables == one_by_one.tables
    assert (at_once.entries, at_once.passed_over) == (one_by_one.entries, 5)


def test_a_supposed_version_decides_as_one_of_the_journal(rules: Config) -> None:
    [(_, first), *rest] = decoded_journal(rules)
    assert isinstance(first.entry, ConfigVersion)
    journaled, supposed = Replay(), Replay()
    journaled.apply(0, first)
    supposed.suppose(0, first.entry)
    assert supposed.passed_over == 0
    records = [record for _, record in rest]
    assert journaled.apply(0, *records) == supposed.apply(0, *records) != []
    assert journaled.tables == supposed.tables


def decoded_journal(rules: Config) -> list[tuple[int, JournalRecord]]:
    lines = lines_of([*TESTED_CARD, *(one.text for one in generated(300))])
    return [(0, record) for record in source_lines.journal(lines, rules, lambda *_: None)]
