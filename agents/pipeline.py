"""The pipeline in service: what a worker runs for each partition number, intake and decide."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from typing import Protocol

from agents.accounting import Instruments
from agents.decide import DecideWork
from agents.group_positions import Positions
from agents.intake import IntakeWork
from agents.kafka_log import KafkaLog
from agents.kafka_reader import Table
from agents.lane import Lane
from agents.map_topics import FollowingLane, MapTopics
from agents.pace import Pace
from agents.recovered import begun, recovered
from agents.rules_shown import RulesShown
from agents.source_positions import SourcePositions
from agents.sources import OURS
from agents.unit_of_work import Fetched, Outputs, Place
from agents.views import Views
from streams import topics
from streams.drain import Limits
from streams.sources import Sources


class Stages(Protocol):
    """What an `Assignment` runs for each partition number it holds.

    Attributes:
        group: the consumer group; with the number it makes a transactional id.
        topics: what is read; each may have any number of partitions but the journal.
        journal: the one of them that the state follows.
        changelog: the compacted topic of the state.
        partitions: how many of both, so the partition numbers. Number n reads partition p where p % partitions is n.
        new_table: where the state of a number is to lie; empty.
    """

    group: str
    topics: tuple[str, ...]
    journal: str
    changelog: str
    partitions: int
    new_table: Callable[[], Table]

    def take_up(self, number: int, log: KafkaLog, table: Table, committed: Positions) -> Lane:
        """The lane of a number, over all places of `committed`: where the group is in them.

        Its producer is fenced, `table` is the number's recovered state.
        """

    def grown(self, number: int, committed: Positions) -> dict[Place, int | None]:
        """Where reading begins in places that a number got since it was taken up."""

    def let_go(self, numbers: Iterable[int]) -> None:
        """These are another worker's now, or were never taken up."""


class BothWork:
    """Intake and decide of one partition number, in one unit of work.

    What the intake appends is decided in a later one: where it comes to stand in the journal is known once it is there.
    """

    def __init__(self, intake: IntakeWork, decide: DecideWork, positions: SourcePositions) -> None:
        self._intake = intake
        self._decide = decide
        self._positions = positions
        self._changelog = Place(topics.CHANGELOG.name, decide.number)

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """What both lead to."""
        journal = {place: records for place, records in fetched.items() if place.topic == topics.JOURNAL.name}
        sources = {place: records for place, records in fetched.items() if place not in journal}
        works = ((self._decide, journal), (self._intake, sources))
        each = [work.compute(records) for work, records in works if records]
        outputs = reduce(Outputs.beside, each) if each else Outputs({}, lambda: None)
        self._positions.note(outputs, sources, self._changelog)
        return outputs


class Pipeline:
    """Intake and decide. `works` holds the decide stage's part of each number taken up, `limits` what is ordinary."""

    group = topics.APP
    journal = topics.JOURNAL.name
    changelog = topics.CHANGELOG.name

    def __init__(  # noqa: PLR0913 - each is one thing that a caller may set, by name
        self,
        views: Views,
        instruments: Instruments,
        limits: Limits | None = None,
        sources: Sources = OURS,
        maps: MapTopics | None = None,
        *,
        pace: Pace | None = None,
        new_table: Callable[[], Table] = dict,
    ) -> None:
        self.new_table = new_table
        self.topics: tuple[str, ...] = (*sources.names, topics.JOURNAL.name)
        self.partitions = topics.PARTITIONS
        self.works: dict[int, DecideWork] = {}
        self._read: dict[int, SourcePositions] = {}
        self._views = views
        self._instruments = instruments
        self._pace = pace or Pace()
        self._limits = limits
        self._sources = sources
        self._lane = Lane if maps is None else partial(FollowingLane, maps)
        self._rules_shown = RulesShown(instruments.metrics)

    def take_up(self, number: int, log: KafkaLog, table: Table, committed: Positions) -> Lane:
        """Build a number's lane. Where it goes on, its own state says; what the group was told may lag."""
        journal, metrics = Place(topics.JOURNAL.name, number), self._instruments.metrics
        partition, sources = recovered(number, table, committed[journal])
        positions = begun(number, sources, committed.of(place for place in committed if place != journal))
        positions[journal] = partition.position + 1 if partition.position >= 0 else None
        self.works[number] = DecideWork(number, partition, self._views, metrics, self._rules_shown)
        intake = IntakeWork(self.partitions, metrics, self._limits, sources.notes, self._sources)
        self._views.assign(number, table)
        self._read[number] = sources
        work = BothWork(intake, self.works[number], sources)
        return self._lane(number, log, work, positions, self._instruments, pace=self._pace)

    def grown(self, number: int, committed: Positions) -> dict[Place, int | None]:
        """As a lane's beginning: an operator may have set it, and the state knows what others read."""
        return begun(number, self._read[number], committed)

    def let_go(self, numbers: Iterable[int]) -> None:
        """Their views and rules are another worker's to show."""
        for number in numbers:
            self.works.pop(number, None)
            self._read.pop(number, None)
            self._views.revoke(number)
            self._rules_shown.drop(number)
