"""One seed: workers over the log in memory, and a world that breaks them between any two of their requests."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, ProducerFenced

from agents import assignment, stop
from agents.kafka_log import lane_id
from agents.unit_of_work import Place, Record
from streams import config, topics
from streams.journal import Tick, encode_entry
from tests.simulation import check, clients, process, sources
from tests.simulation.clients import Client, Producer
from tests.simulation.cluster import Cluster
from tests.simulation.group import Group
from tests.simulation.loop import Clock, Loop
from tests.simulation.process import Process

ALL = 1 << 20
STEPS_MAX = 20_000
FAULTS_MAX = 7
FAULT_AT_MAX = 160
WORLD_SHARE = 0.3
POLL_SECONDS = 0.05
FROZEN_SECONDS = (0.0, 20.0, 40.0, 100.0)
FAULTS = (
    *("kill",) * 4,
    *("rebalance",) * 3,
    *("freeze",) * 4,
    *("expel", "leave", "expire", "append", "positions", "commit", "commit", "answer", "answer"),
    *("offsets",) * 2,
)


class Simulation:
    """Runs one seed to its end.

    Attributes:
        counts: what happened, by name.
    """

    def __init__(self, seed: int, trace: Callable[[str], object] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._chance = chance = Random(seed)  # noqa: S311 - not for secrets
        self._tell = trace or (lambda _: None)
        self._clock = Clock()
        self._cluster = Cluster(chance, trace)
        self._cluster.on_visible = self._wake
        self._group = Group(sources.PARTITIONS, chance, self._tell)
        self._processes: list[Process] = []
        self._started = 0
        self._armed: set[str] = set()
        self._plan = sources.plan(chance)
        self._events: list[tuple[str, Callable[[], None]]] = []
        self._faults = [chance.randrange(FAULT_AT_MAX) for _ in range(chance.randrange(FAULTS_MAX + 1))]
        self._faults.sort(reverse=True)
        self._ended = False
        self._broken: list[str] = []

    def run(self) -> list[str]:
        """What doesn't hold at the end; empty: all is well."""
        try:
            return self._outcome()
        finally:
            for one in self._processes:
                one.loop.kill()  # else the collector puts away what still waits, outside of any loop

    def _outcome(self) -> list[str]:
        for _ in range(2 + self._chance.randrange(2)):
            self._start()
        self._begin()
        for step in range(STEPS_MAX):
            if self._faults and step >= self._faults[-1]:
                self._fault()
            if not self._step():
                break
        else:
            return [f"never settled: {', '.join(check.unread(self._cluster)) or 'nothing unread'}"]
        self._cluster.settle()
        return self._broken + check.problems(Client(self._cluster, room=lambda: ALL), Loop(self._chance, self._clock))

    def _begin(self) -> None:
        """What the workers will find to do comes bit by bit."""
        self._later("operator", self._operate)
        self._later("produce", self._produce)
        self._later("tick", self._tick)

    def _step(self) -> bool:
        """Let one thing happen somewhere; False when there is nothing left to do."""
        self._clock.now += 0.001
        busy = [one for one in self._processes if not one.is_frozen and (one.loop.waiting or one.loop.is_busy)]
        has_events = bool(self._events or self._cluster.settling)
        if has_events and (not busy or self._chance.random() < WORLD_SHARE):
            self._world()
        elif busy:
            self._go_on(busy[int(self._chance.random() * len(busy))])
        elif self._faults:
            self._fault()
        else:
            return self._idle()
        return True

    def _go_on(self, one: Process) -> None:
        name = one.step()
        self._tell(f"{one.name}: {name}")
        if one.is_over:
            self._tell(f"{one.name} ends: {one.loop.exit}")
            self._count_exit(one)
            self._bury(one)

    def _count_exit(self, one: Process) -> None:
        """Ends of its own are fine; what Faust gets to see is not, since it might go on."""
        exit_ = str(one.loop.exit)
        self.counts[exit_.partition(" ")[0]] += 1
        if exit_.startswith(process.BROKEN):
            self._broken.append(f"{one.name}: {exit_}")

    def _idle(self) -> bool:
        """All wait for more: the last ticks, or the end."""
        if not self._ended:
            self._ended = True
            for number in range(sources.PARTITIONS):
                self._append_tick(number, sources.END_DAYS)
        elif not check.unread(self._cluster):
            return False
        self._clock.now += POLL_SECONDS
        return True

    def _world(self) -> None:
        """Something happens outside of the workers."""
        chosen = int(self._chance.random() * (len(self._events) + bool(self._cluster.settling)))
        if chosen == len(self._events):
            self._cluster.mark_one()
            return
        name, event = self._events.pop(chosen)
        self._tell(name)
        event()

    def _later(self, name: str, event: Callable[[], None]) -> None:
        self._events.append((name, event))

    def _start(self) -> None:
        self._started += 1
        loop = Loop(self._chance, self._clock)
        client = Client(self._cluster, loop.world, self._fate, self._deliver_late, self._room)
        one = Process(f"w{self._started}", loop, client, self._group, self._chance.randrange)
        self._processes.append(one)

    def _bury(self, one: Process) -> None:
        """It ended: its session runs out some day, and some day its supervisor starts another."""
        one.loop.kill()
        self._processes.remove(one)
        self._later(f"session of {one.name} runs out", lambda: self._group.leave(one))
        self._later("start", self._start)

    def _wake(self) -> None:
        """There may be more to read: fetches that wait look again."""
        for one in self._processes:
            one.client.wake()

    def _fate(self, request: str) -> Exception | None:
        """Whether this request is the one that fails."""
        if request not in self._armed:
            return None
        self._armed.remove(request)
        self._tell(f"  {request} fails")
        return self._chance.choice((KafkaTimeoutError, KafkaConnectionError))()

    def _deliver_late(self, commit: Callable[[], None]) -> None:
        """A commit that its sender gave up may be lost, or come late."""

        def deliver() -> None:
            with suppress(ProducerFenced):
                commit()

        if self._chance.random() < 0.5:
            self._later("a late commit arrives", deliver)

    def _room(self) -> int:
        return 1 + int(self._chance.random() * clients.RECORDS_FETCHED_MAX)

    def _produce(self) -> None:
        """The next source records."""
        for _ in range(1 + self._chance.randrange(6)):
            if self._plan:
                place, record, at_ms = self._plan.pop(0)
                if place.partition >= self._cluster.counts[place.topic]:
                    self._grow(place)
                self._cluster.append_alone(place, record, at_ms)
        if self._plan:
            self._later("produce", self._produce)

    def _grow(self, place: Place) -> None:
        """A source gets more partitions; the group hears of it some time, and shares out anew."""
        self.counts["grow"] += 1
        self._tell(f"{place.topic} grows to {place.partition + 1} partitions")
        self._cluster.counts[place.topic] = place.partition + 1
        self._later("the group sees growth", self._group.rebalance)

    def _tick(self) -> None:
        """Some owner's clock; it may be behind another's."""
        self._append_tick(self._chance.randrange(sources.PARTITIONS), 55 + self._chance.randrange(12))
        if self._plan or self._chance.random() < 0.5:
            self._later("tick", self._tick)

    def _append_tick(self, number: int, days: int) -> None:
        entry = encode_entry(Tick(sources.START_MS + days * sources.DAY_MS))
        self._cluster.append_alone(Place(topics.JOURNAL.name, number), Record(None, entry))

    def _operate(self) -> None:
        """An operator applies the config, all partitions in one transaction; who fails, or dies, does it again."""
        loop = Loop(self._chance, self._clock)
        task = loop.create_task(_apply_config(Client(self._cluster, loop.world)))
        for _ in range(self._chance.choice((1, 3, 4, 5, 6, 100))):
            loop.go_on()
        if not task.done():
            self._later("operator again", self._operate)
        loop.kill()

    def _fault(self) -> None:
        self._faults.pop()
        name = self._chance.choice(FAULTS)
        self.counts[name] += 1
        self._tell(f"FAULT {name}")
        if name == "expire":
            self._cluster.expire(self._chance.choice(self._owners()))
        elif name in ("append", "positions", "commit", "answer", "offsets"):
            self._armed.add(name)
        elif name == "rebalance":
            self._group.rebalance()
        elif self._processes:
            getattr(self, f"_{name}")(self._chance.choice(self._processes))

    def _kill(self, one: Process) -> None:
        self._tell(f"{one.name} is killed")
        self._bury(one)

    def _freeze(self, one: Process) -> None:
        """Not scheduled any more, until it wakes up with a clock far ahead; its session may run out meanwhile."""
        self._tell(f"{one.name} is frozen")

        def wake() -> None:
            one.loop.skew += self._chance.choice(FROZEN_SECONDS)
            one.is_frozen = False

        def expel() -> None:
            self._group.leave(one)
            self._later(f"{one.name} wakes up", wake)

        one.is_frozen = True
        if self._chance.random() < 0.7:
            self._later(f"session of {one.name} runs out", expel)
        else:
            self._later(f"{one.name} wakes up", wake)

    def _expel(self, one: Process) -> None:
        """Its heartbeats are lost: it goes on, and doesn't know."""
        self._tell(f"{one.name} is expelled")
        self._group.leave(one)

    def _leave(self, one: Process) -> None:
        """A clean stop."""
        self._tell(f"{one.name} is asked to stop")
        one.is_leaving = True
        one.summon()

    def _owners(self) -> list[str]:
        return [lane_id(topics.APP, number) for number in range(sources.PARTITIONS)]


async def _apply_config(client: Client) -> None:
    producer = Producer(bootstrap_servers=client, transactional_id="bellwether-config")
    await producer.start()
    await producer.begin_transaction()
    for number in range(sources.PARTITIONS):
        batch = producer.create_batch()
        batch.append(key=None, value=sources.rules(), timestamp=None, headers=())
        await producer.send_batch(batch, topics.JOURNAL.name, partition=number)
    await producer.commit_transaction()


@contextmanager
def prepared() -> Iterator[None]:
    """The code under test over the log in memory, for as many seeds as one likes: two partitions, and no log lines."""
    with ExitStack() as stack:
        stack.enter_context(clients.installed())
        stack.enter_context(patch.object(stop, "at_once", process.at_once))
        stack.enter_context(patch.object(topics, "PARTITIONS", sources.PARTITIONS))
        stack.enter_context(patch.object(assignment, "log", SimpleNamespace(info=lambda *_, **__: None)))
        stack.enter_context(patch.object(config, "decode", cache(config.decode)))
        stack.callback(Loop.none_current)
        yield
