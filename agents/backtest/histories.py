"""Where a history comes from, by partition: the journal on Kafka, a dump of it, or files of source records."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec
from msgspec import Struct

from agents import journal_dump, line_files, source_lines
from agents.kafka_reader import committed_records
from agents.line_files import Line
from agents.replay import ReplayError, decoded
from agents.unit_of_work import Place
from streams.config import Config
from streams.partition import JournalRecord
from streams.sources import Sources
from streams.topics import JOURNAL

TOLD_EACH = 1000
Tell = Callable[[int], object]


class OnKafka(Struct, frozen=True):
    """A partition of the journal; `size` is its end, in offsets."""

    number: int
    kafka: str
    size: int


class Stretch(Struct):
    """The lines of a dump's file from the first of a partition to its last; others' may stand between."""

    file: str
    begin: int
    end: int
    line: int
    lines: int = 0
    last_line: int = 0


class InDump(Struct, frozen=True):
    """A partition in a dump; `size` in bytes, other partitions' lines between its own included."""

    number: int
    stretches: tuple[Stretch, ...]

    @property
    def size(self) -> int:
        """How much must be read."""
        return sum(one.end - one.begin for one in self.stretches)


class OfSources(Struct, frozen=True):
    """Source records, taken in as `bellwether replay` does: one partition. `size` in bytes.

    `sources` makes what they are read with, in the process that reads them: compiled sources can't be handed over.
    """

    number: int
    files: tuple[str, ...]
    rules: Config
    sources: Callable[[], Sources]
    size: int


History = OnKafka | InDump | OfSources


class _Where(Struct):
    partition: int
    kind: str


_decode_where = msgspec.json.Decoder(_Where).decode


class Found(Struct):
    """What a dump holds: its partitions, and whether any config version is among its entries."""

    partitions: list[InDump]
    has_config: bool


def found_in(files: Iterable[Path], tell: Tell = lambda _: None) -> Found:
    """Look through a dump for where its partitions are.

    Raises:
        ReplayError: a line isn't a dump's.
        OSError: a file can't be read.
    """
    stretches: dict[int, dict[str, Stretch]] = {}
    has_config = False
    for file in files:
        at = 0
        with file.open("rb") as lines:
            for number, text in enumerate(lines, start=1):
                begin, at = at, at + len(text)
                if not number % TOLD_EACH:
                    tell(at)
                if text.strip():
                    where = _where(file, number, text)
                    has_config = has_config or where.kind == "config"
                    of_partition = stretches.setdefault(where.partition, {})
                    stretch = of_partition.setdefault(str(file), Stretch(str(file), begin, at, number))
                    stretch.end, stretch.last_line, stretch.lines = at, number, stretch.lines + 1
    return Found([InDump(number, tuple(some.values())) for number, some in sorted(stretches.items())], has_config)


def _where(file: Path, number: int, text: bytes) -> _Where:
    try:
        return _decode_where(text)
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"{file}:{number}: not a line of a journal dump: {error}") from error


def records(history: InDump | OfSources, tell: Tell) -> Iterator[JournalRecord]:
    """The entries in order; `tell` hears how much was read, in the units of `size`.

    Raises:
        ReplayError: a line isn't a dump's.
        OSError: a file can't be read.
    """
    if isinstance(history, InDump):
        for _, record in decoded(_lines(history, tell)):
            yield record
        return
    files, read = [Path(one) for one in history.files], 0

    def more(size: int) -> None:
        nonlocal read
        read += size
        tell(read)

    yield from source_lines.journal(line_files.read(files, more), history.rules, lambda *_: None, history.sources())


def _lines(history: InDump, tell: Tell) -> Iterator[Line]:
    """Its lines, and what stands between them only where it must be looked at to know."""
    done = 0
    for one in history.stretches:
        is_alone = one.lines == one.last_line - one.line + 1
        with Path(one.file).open("rb") as lines:
            at = lines.seek(one.begin)
            for number, text in enumerate(lines, start=one.line):
                at += len(text)
                if text.strip() and (is_alone or _decode_where(text).partition == history.number):
                    yield Line(one.file, number, text)
                if not number % TOLD_EACH:
                    tell(done + at - one.begin)
                if at >= one.end:
                    break
        done += one.end - one.begin


async def from_kafka(history: OnKafka, tell: Tell) -> AsyncIterator[list[JournalRecord]]:
    """The same from the journal, as it is fetched, up to the end that it had when the backtest began.

    Raises:
        JournalError: a record is no entry.
        KafkaError, TimeoutError: the broker is out of reach, or went away.
    """
    place = Place(JOURNAL.name, history.number)
    async with aclosing(committed_records(history.kafka, [place])) as reading:
        async for _, fetched in reading:
            below = [one for one in fetched if one.offset < history.size]
            yield [journal_dump.as_entry(history.number, one.offset, one.value) for one in below]
            if len(below) < len(fetched):
                return
            tell(fetched[-1].offset)
