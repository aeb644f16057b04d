"""A backtest from its question to its result: find the history, decide it twice, check the live side."""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from agents import line_files
from agents.audit.log import opened
from agents.backtest import recorded
from agents.backtest.course import Outcome, Plan
from agents.backtest.histories import History, OfSources, OnKafka, found_in
from agents.backtest.result import Result
from agents.backtest.run import Progress, run
from agents.backtest.summing import result
from agents.replay import is_dump
from streams import config, sources, topics
from streams.config import Config
from streams.journal import ConfigVersion
from streams.sources import Sources

EVERYTHING = 1 << 62  # no journal is as long
JOURNAL = "journal"
Told = Callable[[str], Progress]  # names the part of the work that begins, and gets who hears of its progress


class Question(Struct, kw_only=True, frozen=True):
    """What is asked.

    Attributes:
        old: None: what was live.
        shipped: what counts as live where a history says nothing of it.
        sources: what source records are read with; called in another process, to which it is handed over.
        decisions: a file with what was decided live, for a history from files.
    """

    new: Config
    old: Config | None = None
    shipped: Callable[[], Config]
    sources: Callable[[], Sources]
    since_ms: int | None = None
    decisions: Path | None = None
    processes: int


async def of_journal(kafka: str, question: Question, told: Told) -> Result:
    """Over the journal of a cluster; its decisions so far must be those of the live side.

    Raises:
        MissingTopic, JournalError, KafkaError, TimeoutError: see `agents.journal_dump.read`.
    """
    plan = _plan(question, question.old)
    below = await recorded.decided_below(kafka) if plan.is_live else {}
    async with opened(kafka, sources.NONE) as log:
        ends = {place.partition: end for place, end in (await log.ends()).items() if place.topic == topics.JOURNAL.name}
    histories = [OnKafka(number, kafka, end) for number, end in sorted(ends.items())]
    checked = {number: min(offset, ends[number]) for number, offset in below.items()}
    outcomes, usage = await run(histories, plan, checked, question.processes, told("Deciding the journal twice"))
    live = recorded.NOT_LIVE
    if plan.is_live:
        live = recorded.compare(_made(outcomes), await recorded.on_kafka(kafka))
    return result(outcomes, plan, JOURNAL, live, usage)


async def of_files(path: Path, question: Question, told: Told) -> Result:
    """Over a dump of the journal, or over source records.

    Raises:
        ReplayError: a line isn't a dump's.
        OSError: a file can't be read.
    """
    files = line_files.files_of(path)
    histories, old = _in_files(files, question, told)
    plan = _plan(question, old)
    is_checked = question.decisions is not None and plan.is_live
    checked = {one.number: EVERYTHING for one in histories} if is_checked else {}
    outcomes, usage = await run(histories, plan, checked, question.processes, told("Deciding the files twice"))
    live = recorded.NOT_COMPARED if question.decisions is None or plan.is_live else recorded.NOT_LIVE
    if question.decisions is not None and plan.is_live:
        live = recorded.compare(_made(outcomes), recorded.in_file(question.decisions, _made(outcomes)))
    return result(outcomes, plan, str(path), live, usage)


def _in_files(files: list[Path], question: Question, told: Told) -> tuple[Sequence[History], Config | None]:
    """The history, and what its old side decides by; None: by its own entries."""
    if not is_dump(next(line_files.read(files), None)):
        size = sum(file.stat().st_size for file in files)
        return [OfSources(0, tuple(map(str, files)), question.shipped(), question.sources, size)], question.old
    total = sum(file.stat().st_size for file in files)
    progress = told("Looking through the dump")
    found = found_in(files, lambda at: progress(at, total))
    is_told = found.has_config or question.old is not None
    return found.partitions, question.old if is_told else question.shipped()


def _plan(question: Question, old: Config | None) -> Plan:
    version = None if old is None else _version(old)
    return Plan(_version(question.new), version, question.since_ms, is_live=question.old is None)


def _version(rules: Config) -> ConfigVersion:
    return ConfigVersion(rules.version, config.encode(rules), 0)


def _made(outcomes: list[Outcome]) -> dict[int, bytes]:
    return {one.number: one.made for one in outcomes}
