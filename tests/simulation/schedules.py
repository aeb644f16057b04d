"""One journal under many schedules: whatever breaks when, the same decisions, actions and states come of it.

The order in which source records get into the journal is chance, so different schedules have different journals. Here
it is filled first, with nothing breaking, and decided afterwards, again and again, each time with other faults.
"""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256

import msgspec

from agents.unit_of_work import Place, Record
from streams import topics
from tests.simulation.check import PUBLISHED
from tests.simulation.cluster import Stored
from tests.simulation.simulation import Simulation
from tests.simulation.sources import PARTITIONS

NUMBERS = range(PARTITIONS)
Journal = list[tuple[Place, Record]]


class Filling(Simulation):
    """A seed in which nothing breaks."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._faults.clear()

    def journal(self) -> Journal:
        """The entries of all partitions, in their order."""
        places = [Place(topics.JOURNAL.name, number) for number in NUMBERS]
        return [(place, Record(one.key, one.value)) for place in places for one in self._cluster.committed(place, 0)]


class Deciding(Simulation):
    """Workers that find a whole journal and no source records; `seed` is that of the schedule."""

    def __init__(self, journal: Journal, seed: int, trace: Callable[[str], object] | None = None) -> None:
        super().__init__(seed, trace)
        self._journal = journal
        self._plan.clear()

    def _begin(self) -> None:
        for place, record in self._journal:
            self._cluster.append_alone(place, record)
        self._ended = True  # the last ticks are in the journal

    def outcome(self) -> str:
        """A hash over what was published, in order, and over the sorted states."""
        published = [
            (topic.name, number, [(one.key, one.value, one.headers) for one in self._committed(topic, number)])
            for topic in PUBLISHED
            for number in NUMBERS
        ]
        tables = [{one.key: one.value for one in self._committed(topics.CHANGELOG, number)} for number in NUMBERS]
        states = [sorted((key, value) for key, value in table.items() if value is not None) for table in tables]
        return sha256(msgspec.msgpack.encode([published, states])).hexdigest()

    def _committed(self, topic: topics.Topic, number: int) -> list[Stored]:
        return self._cluster.committed(Place(topic.name, number), 0)


class Schedules:
    """The journal of one seed, decided under several schedules.

    Attributes:
        counts: what happened in all of them, by name.
    """

    def __init__(self, seed: int, schedules: int, trace: Callable[[str], object] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._schedules = schedules
        self._trace = trace

    def run(self) -> list[str]:
        """What doesn't hold; empty: all is well."""
        filling = Filling(self._seed)
        problems, journal = filling.run(), filling.journal()
        outcomes = set()
        for schedule in range(self._schedules):
            deciding = Deciding(journal, self._seed * self._schedules + schedule, self._trace)
            problems += deciding.run()
            outcomes.add(deciding.outcome())
            self.counts += deciding.counts
        if len(outcomes) > 1:
            problems.insert(0, f"I10 one journal, {len(outcomes)} outcomes under {self._schedules} schedules")
        return problems
