"""The pipeline in service: what a worker runs for each partition number, intake and decide."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

from agents.accounting import Instruments
from agents.decide import DecideWork
from agents.intake import IntakeWork
from agents.kafka_log import KafkaLog
from agents.kafka_reader import Positions
from agents.lane import Lane, LaneName
from agents.map_topics import FollowingLane, MapTopics
from agents.pace import Pace
from agents.recovered import partition_of
from agents.rules_shown import RulesShown
from agents.sources import OURS
from agents.unit_of_work import Place, Work
from agents.views import Views
from streams import topics
from streams.drain import Limits
from streams.sources import Sources

STAGES = ("intake", "decide")


class Stages(Protocol):
    """What an `Assignment` runs for each partition number it holds.

    Attributes:
        group: the consumer group; with a stage's name and the number it makes a transactional id.
        names: of the stages; each has a transactional producer. The first reads what isn't the journal.
        topics: what is read; each may have any number of partitions but the journal.
        journal: the one of them that the state follows.
        changelog: the compacted topic of the state.
        partitions: how many of both, so the partition numbers. Number n reads partition p where p % partitions is n.
    """

    group: str
    names: tuple[str, ...]
    topics: tuple[str, ...]
    journal: str
    changelog: str
    partitions: int

    def take_up(
        self,
        number: int,
        logs: Sequence[KafkaLog],
        table: dict[bytes, bytes],
        committed: Positions,
    ) -> list[Lane]:
        """The lanes of a number, in the stages' order, over all places of `committed`: where the group is in them.

        Their producers are fenced, `table` is the number's recovered state.
        """

    def let_go(self, numbers: Iterable[int]) -> None:
        """These are another worker's now, or were never taken up."""


class Pipeline:
    """Intake and decide. `works` holds the decide stage's part of each number taken up, `limits` what is ordinary."""

    group = topics.APP
    names: tuple[str, ...] = STAGES
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
    ) -> None:
        self.topics: tuple[str, ...] = (*sources.names, topics.JOURNAL.name)
        self.partitions = topics.PARTITIONS
        self.works: dict[int, DecideWork] = {}
        self._views = views
        self._instruments = instruments
        self._pace = pace or Pace()
        self._limits = limits
        self._sources = sources
        self._intake_lane = Lane if maps is None else partial(FollowingLane, maps)
        self._rules_shown = RulesShown(instruments.metrics)

    def take_up(
        self,
        number: int,
        logs: Sequence[KafkaLog],
        table: dict[bytes, bytes],
        committed: Positions,
    ) -> list[Lane]:
        """Build a number's lanes. Where the journal goes on, its own state says; the committed offset may lag."""
        place = Place(topics.JOURNAL.name, number)
        partition = partition_of(number, table, committed[place])
        journal = {place: partition.position + 1 if partition.position >= 0 else None}
        sources = {one: position for one, position in committed.items() if one != place}
        metrics = self._instruments.metrics
        self.works[number] = DecideWork(number, partition, self._views, metrics, self._rules_shown)
        intake = IntakeWork(self.partitions, metrics, self._limits, committed.notes, self._sources)
        works: tuple[Work, ...] = (intake, self.works[number])
        self._views.assign(number, table)
        kinds, positions = (self._intake_lane, Lane), (sources, journal)
        return [
            kind(LaneName(stage, number), log, work, reached, self._instruments, pace=self._pace)
            for kind, stage, log, work, reached in zip(kinds, STAGES, logs, works, positions, strict=True)
        ]

    def let_go(self, numbers: Iterable[int]) -> None:
        """Their views and rules are another worker's to show."""
        for number in numbers:
            self.works.pop(number, None)
            self._views.revoke(number)
            self._rules_shown.drop(number)
