"""The benchmark of backtests itself: the journal is a whole dump, what is tried is valid, the page has the figures."""

from pathlib import Path

from agents import config_files, line_files
from agents.backtest.comparison import Day
from agents.backtest.recorded import Live
from agents.backtest.result import Contacts, Cost, History, Result
from agents.replay import decoded
from bench.backtest import Report, as_markdown, write_journal, write_tried
from bench.page import Origin
from streams import topics
from streams.journal import ConfigVersion, EventEntry

EVENTS = 1_000


def test_the_journal_is_a_dump_with_rules_first_and_a_customer_in_one_partition(tmp_path: Path) -> None:
    size = write_journal(tmp_path / "journal", EVENTS, 1)
    entries = list(decoded(line_files.read(line_files.files_of(tmp_path / "journal"))))
    assert size == sum(file.stat().st_size for file in (tmp_path / "journal").iterdir())
    where: dict[str, set[int]] = {}
    for number in range(topics.PARTITIONS):
        own = [record for partition, record in entries if partition == number]
        assert isinstance(own[0].entry, ConfigVersion)
        assert [one.offset for one in own] == list(range(len(own)))
        for one in own:
            if isinstance(one.entry, EventEntry):
                where.setdefault(one.entry.event.customer, set()).add(number)
    assert {len(some) for some in where.values()} == {1}


def test_what_is_tried_is_valid_and_differs(tmp_path: Path) -> None:
    tried = config_files.load(write_tried(tmp_path / "tried"))
    assert tried.version != config_files.load(Path("config")).version


def test_the_page_has_the_figures() -> None:
    nobody = Contacts(0, 0, 0.0, 0, {})
    cost = Cost(61.5, 100.0, 5_000_000, 20.0, 81_301, 412.0, 2)
    result = Result(
        old="live",
        new="v2",
        since=None,
        history=History("", 4, {"event": 4_999_996, "config": 4}, 13_000, "2024-01-01", "2026-06-30", ["v1"]),
        live=Live(is_equal=True, statement="yes, 7 decisions, byte for byte"),
        refused=[],
        total=Day(),
        contacts={"old": nobody, "new": nobody},
        triggers=[],
        cost=cost,
    )
    machine: dict[str, str | int] = {"cores": 2, "cpu": "some", "kernel": "6", "python": "3.11"}
    page = as_markdown(Report(Origin(machine, {}, "abc", (0.5, 2.0)), 1, 1_500_000_000, {"lapsed": {"a": 1}}, result))
    for figure in ("5,000,000", "61.5", "81,301", "20.0", "412", "1.50 GB", "yes, 7 decisions", "lapsed: a 1"):
        assert figure in page
