"""Who reads what: Faust shares out the journal and the changelog, and each source partition goes with its number.

So a source may have any number of partitions, and may grow: Kafka's clients notice that, and the group shares out anew
(docs/decisions/0011-source-partitions.md). An override of Faust's, guarded like those in `agents/transport.py`.
"""

from collections.abc import Sequence
from typing import Any

from faust.assignor import PartitionAssignor

from agents import stop
from agents.unit_of_work import Place


class Assignor(PartitionAssignor):  # type: ignore[misc]  # Faust's is untyped
    """Runs in the worker that leads the group. All others take its word, also for how many partitions there are."""

    def _get_copartitioned_groups(self, topics: set[str], cluster: Any, subscriptions: dict[str, Sequence[str]]) -> Any:
        """What Faust shares out: all it has to say on the rest is that equal counts belong together."""
        bound = set(self.app.assignment.shares.bound)
        if missing := sorted(topic for topic in bound if not cluster.partitions_for_topic(topic)):
            hint = "bellwether topics create"
            stop.at_once(stop.Code.ASSIGNMENT_FAILED, "topics_missing", missing=missing, hint=hint)
        self._sources = {
            topic: [Place(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
            for topic in topics - bound
        }
        self._subscriptions = subscriptions
        return super()._get_copartitioned_groups(bound, cluster, subscriptions)

    def _global_table_standby_assignments(self, assignments: Any, partitions_by_topic: dict[str, int]) -> Any:
        """The step after that: each member gets its numbers' share of the sources that it reads."""
        shares = self.app.assignment.shares
        for member, assignment in assignments.items():
            numbers = assignment.actives.get(shares.bound[0], ())
            for topic in self._sources.keys() & set(self._subscriptions[member]):
                places = self._sources[topic]
                assignment.actives[topic] = [one.partition for one in places if shares.number_of(one) in numbers]
        return super()._global_table_standby_assignments(assignments, partitions_by_topic)
