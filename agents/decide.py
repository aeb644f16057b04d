"""The decide stage: journal entries in, decisions, actions and changed state out."""

from collections.abc import Mapping, Sequence

from agents import accounting
from agents.metrics import Metrics
from agents.rules_shown import RulesShown
from agents.unit_of_work import Fetched, Outputs, Place, Record
from agents.views import Views
from streams import actions, topics
from streams.journal import decode_entry
from streams.partition import Batch, JournalRecord, Partition
from streams.partition_record import RESERVED_KEYS


class DecideWork:
    """Decides for one journal partition. Outputs keep its number: all keyed topics have the journal's count."""

    def __init__(
        self, number: int, partition: Partition, views: Views, metrics: Metrics, rules_shown: RulesShown | None = None
    ) -> None:
        self.number = number
        self.partition = partition
        self.newest_event_at_ms = -1
        self._place = Place(topics.JOURNAL.name, number)
        self._views = views
        self._metrics = metrics
        self._rules_shown = rules_shown or RulesShown(metrics)
        self._shown = partition.rules
        self._rules_shown.show(number, partition)

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """What these entries lead to. An entry that can't be read raises: the journal is ours, it must be whole."""
        records = fetched[self._place]
        batch = self.partition.compute(JournalRecord(one.offset, decode_entry(one.value or b"")) for one in records)
        outputs = Outputs({self._place: records[-1].offset + 1}, lambda: self._adopt(batch, records))
        for decision in batch.decisions:
            self._publish(decision, outputs)
        changelog = Place(topics.CHANGELOG.name, self.number)
        if batch.changes:
            outputs.records[changelog] = [Record(key, blob) for key, blob in batch.changes.items()]
        return outputs

    def _publish(self, decision: actions.Decision, outputs: Outputs) -> None:
        record = Record(decision.customer.encode(), actions.encode_decision(decision), actions.headers(decision))
        for topic in actions.destinations(decision):
            outputs.add(Place(topic, self.number), record)

    def _adopt(self, batch: Batch, records: Sequence[Fetched]) -> None:
        self.partition.adopt(batch)
        self.newest_event_at_ms = max(self.newest_event_at_ms, batch.newest_event_at_ms)
        self._views.mark(self.number, batch.changes.keys() - RESERVED_KEYS)
        if self.partition.rules is not self._shown or batch.counts.get("config"):
            self._shown = self.partition.rules
            self._rules_shown.show(self.number, self.partition)
        accounting.decided(self._metrics, self.partition, batch, records)
