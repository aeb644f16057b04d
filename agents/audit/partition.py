"""One partition number of a verification: its state, its outputs, and its journal decided again."""

from collections.abc import Mapping

from aiokafka import ConsumerRecord

from agents.audit.log import Log, Span, readable
from agents.audit.outputs import Seen, seen
from agents.audit.state import Table
from agents.audit.tallies import Tallies
from agents.replay import Replay
from agents.unit_of_work import Place
from agents.verify import Published, state_position
from streams import topics
from streams.actions import destinations, encode_decision, headers
from streams.journal import ConfigVersion, EventEntry, Tick, decode_entry
from streams.partition import JournalRecord
from streams.partition_record import SOURCES_KEY

DECIDED = (topics.FRAUD_CHECK_ACTIONS.name, topics.RETENTION_ACTIONS.name, topics.DECISIONS.name)
PUBLISHED = tuple(topic.name for topic in topics.OUTPUTS)


class Partition:
    """Reads everything of one number, a record at a time, and adds to the tallies."""

    def __init__(self, log: Log, tallies: Tallies, number: int) -> None:
        self._log = log
        self._tallies = tallies
        self._number = number
        self._replay = Replay({number: {}})
        self._made: dict[str, list[Seen]] = {name: [] for name in DECIDED}
        self._last_tick_ms = -1

    async def verify(self) -> None:
        """Read it all and compare."""
        table = await self._table()
        await self._outputs()
        await self._journal(state_position(table))
        tallies, machine = self._tallies, self._replay
        for name, made in self._made.items():
            place = Place(name, self._number)
            tallies.outputs.compare(place, made, is_cut=tallies.moment.starts.get(place, 0) > 0)
        tallies.states.compare(self._number, table, machine.tables[self._number])
        tallies.entries.update(machine.entries)
        tallies.repeated += machine.repeated
        tallies.forgotten += machine.forgotten

    async def _table(self) -> Table:
        table: Table = {}
        async for place, records in self._log.read(self._spans(topics.CHANGELOG.name)):
            self._tallies.privacy.scan(place, records)
            for record in records:
                if record.value is None:
                    table.pop(record.key, None)
                else:
                    table[record.key] = record.value
        table.pop(SOURCES_KEY, None)  # no part of what the journal gives
        return table

    async def _outputs(self) -> None:
        tallies = self._tallies
        async for place, records in self._log.read(self._spans(*PUBLISHED)):
            tallies.privacy.scan(place, records)
            if place.topic in DECIDED:
                tallies.outputs.take(place, records)
            else:
                for record in records:
                    tallies.sources.letter(place, record)
        async for place, records in self._log.read(self._spans(*DECIDED), committed=False):
            tallies.outputs.take_uncommitted(place, records)

    async def _journal(self, reached: int) -> None:
        """Decide it again, as far as the state got; only ticks may come after that."""
        for place, span in self._spans(topics.JOURNAL.name).items():
            if span.start:
                self._tallies.journal_starts.add(f"{place.topic}, partition {place.partition}: begins at {span.start}")
        async for place, records in self._log.read(self._spans(topics.JOURNAL.name)):
            self._tallies.privacy.scan(place, records)
            for record in records:
                with readable(place, record):
                    self._entry(place, record, is_decided=record.offset <= reached)

    def _entry(self, place: Place, record: ConsumerRecord, *, is_decided: bool) -> None:
        tallies, entry = self._tallies, decode_entry(record.value or b"")
        is_tick = isinstance(entry, Tick)
        if isinstance(entry, EventEntry):
            tallies.sources.journaled(entry.source)
            tallies.first_event_at_ms = min(tallies.first_event_at_ms, record.timestamp)
        elif isinstance(entry, ConfigVersion):
            tallies.states.bounds.take(entry)
        elif isinstance(entry, Tick):
            tallies.ticks_back += entry.at_ms <= self._last_tick_ms
            self._last_tick_ms = max(self._last_tick_ms, entry.at_ms)
        if is_decided:
            self._decide(JournalRecord(record.offset, entry))
        tallies.ticks_ahead += is_tick and not is_decided
        if not is_tick and (not is_decided or tallies.moment.is_unread(place, record.offset)):
            tallies.undecided.add(f"unread: {place.topic}, partition {place.partition}, offset {record.offset}")

    def _decide(self, record: JournalRecord) -> None:
        for decision in self._replay.apply(self._number, record):
            self._tallies.decisions[decision.trigger, decision.outcome] += 1
            one = seen(Published(decision.customer.encode(), encode_decision(decision), tuple(headers(decision))))
            for name in destinations(decision):
                self._made[name].append(one)

    def _spans(self, *names: str) -> Mapping[Place, Span]:
        return self._tallies.moment.spans(names, self._number)
