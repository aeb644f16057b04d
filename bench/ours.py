"""`python -m bench.ours`: a benchmark's job as one stage on the parts that a worker is made of.

Membership, fencing, recovery, reading, lanes and transactions are the worker's own; only the stage differs. State is in
a changelog written in the same transaction as the alerts and the input position, and recovered at the start.
"""

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from cyclopts import App
from msgspec import Struct

from agents import faust_app, lane, logs
from agents.accounting import Instruments
from agents.health import Health
from agents.kafka_log import KafkaLog
from agents.lane import Lane
from agents.metrics import Metrics
from agents.pace import Pace
from agents.transport import BatchApp
from agents.unit_of_work import Fetched, Outputs, Place, Record
from bench.j1 import RULES, Job, Rule
from bench.peers.meter import Meter

PROGRAM = "ours"
POSITION_KEY = b"\x00position"  # no customer's: in the same changelog, so in the same transaction
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
    """The job for one partition, over `table`, its customers' states."""

    def __init__(self, source: Place, options: Options, table: dict[bytes, bytes], meter: Meter) -> None:
        self._source = source
        self._out = Place(options.out, source.partition)
        self._changelog = Place(changelog(options.group), source.partition)
        self._rule: Rule = RULES[options.job]
        self._table = table
        self._meter = meter

    def compute(self, fetched: Mapping[Place, Sequence[Fetched]]) -> Outputs:
        """Apply the rule to each record in order; a customer is written once, however often it changed."""
        records = fetched.get(self._source)
        if not records:
            return Outputs({}, lambda: None)
        self._meter.taken(len(records))
        rule, known = self._rule, self._table.get
        changed: dict[bytes, bytes] = {}
        alerts = []
        for record in records:
            key, value = record.key, record.value
            if key is None or value is None:
                raise ValueError("a purchase has a key and a value")
            state, alert = rule(value, changed.get(key) or known(key))
            if state is not None:
                changed[key] = state
            if alert is not None:
                alerts.append(Record(key, alert))
        position = records[-1].offset + 1
        changes = [Record(key, blob) for key, blob in changed.items()]
        changes.append(Record(POSITION_KEY, msgspec.msgpack.encode(position)))
        outputs = Outputs({self._source: position}, lambda: self._adopt(changed, len(records), len(alerts)))
        outputs.records[self._changelog] = changes
        if alerts:
            outputs.records[self._out] = alerts
        return outputs

    def _adopt(self, changed: dict[bytes, bytes], events: int, alerts: int) -> None:
        self._table.update(changed)
        self._meter.outputs += alerts
        if self._meter.tick(events):
            os.kill(os.getpid(), signal.SIGTERM)


class JobStages:
    """The one stage, as `Assignment` runs it."""

    def __init__(self, options: Options, meter: Meter, instruments: Instruments) -> None:
        self.group = options.group
        self.topics: tuple[str, ...] = (options.topic,)
        self.journal = options.topic
        self.changelog = changelog(options.group)
        self.partitions = options.partitions
        self._options = options
        self._meter = meter
        self._instruments = instruments
        self._pace = Pace()

    def take_up(
        self,
        number: int,
        log: KafkaLog,
        table: dict[bytes, bytes],
        committed: Mapping[Place, int | None],  # noqa: ARG002 - the state knows better
    ) -> Lane:
        """The lane of a number; where it goes on, its own state says."""
        self._meter.taken(0)  # before the first fetch, which takes as much as there is
        source = Place(self._options.topic, number)
        position = table.pop(POSITION_KEY, None)
        positions = {source: msgspec.msgpack.decode(position, type=int) if position else None}
        work = JobWork(source, self._options, table, self._meter)
        return Lane(number, log, work, positions, self._instruments, pace=self._pace)

    def grown(self, number: int, committed: Mapping[Place, int | None]) -> dict[Place, int | None]:
        """The source of a benchmark doesn't grow."""
        raise NotImplementedError(f"number {number} grew by {', '.join(map(str, committed))}")

    def let_go(self, numbers: Iterable[int]) -> None:
        """Nothing else knows of them."""


def changelog(group: str) -> str:
    """The topic of the state, as Faust names it."""
    return f"{group}-customers-changelog"


async def create_topics(options: Options) -> None:
    """The output and the changelog, unless they are there."""
    names = {options.out: {}, changelog(options.group): {"cleanup.policy": "compact"}}
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
