"""`python -m bench.ours`: a benchmark's job as one stage on the parts that a worker is made of.

Membership, fencing, recovery, reading, lanes and transactions are the worker's own; only the stage differs. State is in
a changelog written in the same transaction as the alerts and the input position, and recovered at the start.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from cyclopts import App
from msgspec import Struct

from agents import faust_app, lane, logs
from agents.accounting import Instruments
from agents.health import Health
from agents.kafka_log import KafkaLog
from agents.kafka_reader import Table
from agents.lane import Lane
from agents.metrics import Metrics
from agents.pace import Pace
from agents.transport import BatchApp
from agents.unit_of_work import Fetched, Outputs, Place, Record
from bench.j1 import REKEYED_JOB, RULES, Job, Rule
from bench.peers.meter import Meter
from bench.rekey import Rekey

PROGRAM = "ours"
POSITIONS_KEY = b"\x00positions"  # no customer's: in the same changelog, so in the same transaction
decode_positions = msgspec.msgpack.Decoder(dict[str, int | None]).decode
app = App(name="bench.ours", help="One job on our own parts; prints one JSON line.", help_format="plaintext")


class Options(Struct, frozen=True):
    """What a run is about."""

    job: Job
    broker: str
    topic: str
    out: str
    events: int
    group: str
    partitions: int
    warmup: int
    marks: int
    guarantee: str = "exactly-once"


class JobWork:
    """The job for one partition, over `table`, its customers' states. Positions are kept with them, by topic."""

    def __init__(self, number: int, options: Options, table: Table, meter: Meter) -> None:
        self.positions: dict[str, int | None] = dict.fromkeys(read(options))
        if kept := table.pop(POSITIONS_KEY, None):
            self.positions |= decode_positions(kept)
        self._number = number
        self._out = Place(options.out, number)
        self._changelog = Place(changelog(options.group), number)
        self._rule: Rule = RULES[options.job]
        self._rekey = Rekey(rekeyed(options), options.partitions) if options.job == REKEYED_JOB else None
        self._source, self._decided = Place(options.topic, number), Place(read(options)[-1], number)
        self._table = table
        self._meter = meter

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """Apply the rule to each record in order; a customer is written once, however often it changed."""
        positions = {place: records[-1].offset + 1 for place, records in fetched.items()}
        if not positions:
            return Outputs({}, lambda: None)
        purchases = fetched.get(self._decided, ())
        changed, alerts = self._decide(purchases)
        outputs = Outputs(positions, lambda: self._adopt(positions, changed, len(purchases), len(alerts)))
        if self._rekey is not None:
            outputs.records |= self._rekey.records(fetched.get(self._source, ()))
        kept = self.positions | _by_topic(positions)
        changes = [Record(key, blob) for key, blob in changed.items()]
        outputs.records[self._changelog] = [*changes, Record(POSITIONS_KEY, msgspec.msgpack.encode(kept))]
        if alerts:
            outputs.records[self._out] = alerts
        return outputs

    def places(self) -> dict[Place, int | None]:
        """Where reading goes on."""
        return {Place(topic, self._number): position for topic, position in self.positions.items()}

    def _decide(self, purchases: Sequence[Fetched]) -> tuple[dict[bytes, bytes], list[Record]]:
        """The new states of customers, and the alerts."""
        changed: dict[bytes, bytes] = {}
        alerts: list[Record] = []
        rule, known = self._rule, self._table.get
        if purchases:
            self._meter.taken(len(purchases))
        for record in purchases:
            key, value = record.key, record.value
            if key is None or value is None:
                raise ValueError("a purchase has a key and a value")
            state, alert = rule(value, changed.get(key) or known(key))
            if state is not None:
                changed[key] = state
            if alert is not None:
                alerts.append(Record(key, alert))
        return changed, alerts

    def _adopt(self, positions: Mapping[Place, int], changed: dict[bytes, bytes], events: int, alerts: int) -> None:
        self.positions |= _by_topic(positions)
        self._table.update(changed)
        self._meter.outputs += alerts
        if self._meter.tick(events):
            os.kill(os.getpid(), signal.SIGTERM)


def _by_topic(positions: Mapping[Place, int]) -> dict[str, int]:
    return {place.topic: position for place, position in positions.items()}


class JobStages:
    """The one stage, as `Assignment` runs it."""

    def __init__(self, options: Options, meter: Meter, instruments: Instruments) -> None:
        self.group = options.group
        self.topics = read(options)
        self.journal = self.topics[-1]
        self.changelog = changelog(options.group)
        self.partitions = options.partitions
        self.new_table: Callable[[], Table] = dict
        self._options = options
        self._meter = meter
        self._instruments = instruments
        self._pace = Pace()

    def take_up(
        self,
        number: int,
        log: KafkaLog,
        table: Table,
        committed: Mapping[Place, int | None],  # noqa: ARG002 - the state knows better
    ) -> Lane:
        """The lane of a number; where it goes on, its own state says."""
        self._meter.taken(0)  # before the first fetch, which takes as much as there is
        work = JobWork(number, self._options, table, self._meter)
        return Lane(number, log, work, work.places(), self._instruments, pace=self._pace)

    def grown(self, number: int, committed: Mapping[Place, int | None]) -> dict[Place, int | None]:
        """The source of a benchmark doesn't grow."""
        raise NotImplementedError(f"number {number} grew by {', '.join(map(str, committed))}")

    def let_go(self, numbers: Iterable[int]) -> None:
        """Nothing else knows of them."""


def changelog(group: str) -> str:
    """The topic of the state, as Faust names it."""
    return f"{group}-customers-changelog"


def rekeyed(options: Options) -> str:
    """The topic of purchases under their customers, where the source's are not."""
    return f"{options.group}-by-customer"


def read(options: Options) -> tuple[str, ...]:
    """What is read; the last one is decided on."""
    return (options.topic, rekeyed(options)) if options.job == REKEYED_JOB else (options.topic,)


async def create_topics(options: Options) -> None:
    """The output, the changelog and what is re-keyed, unless they are there."""
    ours: dict[str, dict[str, str]] = {name: {} for name in (options.out, *read(options)[1:])}
    names = ours | {changelog(options.group): {"cleanup.policy": "compact"}}
    new = [NewTopic(name, options.partitions, 1, topic_configs=settings) for name, settings in names.items()]
    admin = AIOKafkaAdminClient(bootstrap_servers=options.broker)
    await admin.start()
    try:
        for name, code, *_ in (await admin.create_topics(new)).topic_errors:
            if for_code(code) is not TopicAlreadyExistsError and code:
                raise for_code(code)(name)
    finally:
        await admin.close()


def build(options: Options, meter: Meter) -> BatchApp:
    """The app of a worker that does the job."""
    instruments = Instruments(Metrics(), Health())
    made = faust_app.batch_app(options.broker, JobStages(options, meter, instruments), instruments)
    made.companions = ()
    made.on_drained = lambda: asyncio.sleep(0)
    return made


@app.default
def main(  # noqa: PLR0913 - each is one thing that a caller may set, by name
    *,
    broker: str,
    topic: str,
    out: str,
    events: int,
    group: str,
    job: Job = "j1",
    partitions: int = 4,
    warmup: int = 0,
    marks: int = 0,
    transaction_records_max: int = lane.RECORDS_PER_TRANSACTION_MAX,
) -> None:
    """Run until `events` of the topic are committed.

    Args:
        broker: its address.
        topic: the source, loaded before.
        out: where alerts go; fresh for each run.
        events: records in the source.
        group: consumer group; a known one goes on from its state.
        job: which.
        partitions: of every topic.
        warmup: events before measuring begins.
        marks: 1 when the harness looks from outside, where measuring begins and ends.
        transaction_records_max: what a transaction takes under load.
    """
    logs.set_up()
    vars(lane)["RECORDS_PER_TRANSACTION_MAX"] = transaction_records_max
    options = Options(job, broker, topic, out, events, group, partitions, warmup, marks)
    meter = Meter(PROGRAM, options)
    asyncio.run(create_topics(options))
    try:
        faust_app.run(lambda: build(options, meter))
    finally:
        meter.finish()


if __name__ == "__main__":
    app()
