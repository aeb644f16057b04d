"""Faust's assignor with our steps in it, over the protocol that members of a group speak: who gets what."""

from collections import Counter
from collections.abc import Iterator

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import stop
from agents.accounting import Instruments
from agents.assignor import Assignor
from agents.faust_app import batch_app
from agents.health import Health
from agents.metrics import Metrics
from agents.pipeline import Pipeline
from agents.sources import OURS
from agents.transport import BatchApp
from agents.unit_of_work import Place
from agents.views import Views
from streams import topics
from streams.view import describe

BOUND = (topics.JOURNAL.name, topics.CHANGELOG.name)
NAMES = {*OURS.names, *BOUND}
FEW, SOME, MANY = OURS.names[:3]


class Cluster:
    """What a member knows of the topics; as aiokafka tells it."""

    def __init__(self, **counts: int) -> None:
        self.counts = dict.fromkeys(NAMES, topics.PARTITIONS) | counts

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.counts[topic])) or None


@pytest.fixture(scope="module")
def app() -> Iterator[BatchApp]:
    metrics = Metrics()
    instruments = Instruments(metrics, Health())
    pipeline = Pipeline(Views("redis://127.0.0.1:1", describe, metrics), instruments)
    return batch_app("127.0.0.1:1", pipeline, instruments)


class Group:
    """Members with what they subscribe to; each remembers what it was given, as Faust has it."""

    def __init__(self, app: BatchApp) -> None:
        self.app = app
        self.subscribed: dict[str, set[str]] = {}
        self.members: dict[str, Assignor] = {}

    def join(self, name: str, subscribed: set[str] = NAMES) -> None:
        self.members[name], self.subscribed[name] = Assignor(self.app), subscribed

    def share_out(self, cluster: Cluster, leader: str) -> dict[str, set[Place]]:
        metadata = {name: one.metadata(self.subscribed[name]) for name, one in self.members.items()}
        given = self.members[leader].assign(cluster, metadata)
        return {name: self.told(name, one) for name, one in given.items()}

    def told(self, name: str, given: ConsumerProtocolMemberAssignment) -> set[Place]:
        received = ConsumerProtocolMemberAssignment.decode(given.encode())
        self.members[name].on_assignment(received)
        return {Place(topic, number) for topic, numbers in received.assignment for number in numbers}


def numbers(places: set[Place]) -> set[int]:
    return {place.partition for place in places if place.topic == topics.JOURNAL.name}


def owned_once(cluster: Cluster, given: dict[str, set[Place]]) -> None:
    """Every partition has one owner, who can work with all that it got."""
    owners = Counter(place for places in given.values() for place in places)
    assert owners == Counter(Place(topic, one) for topic, count in cluster.counts.items() for one in range(count))


def test_source_partitions_of_any_count_go_with_their_number(app: BatchApp) -> None:
    group, cluster = Group(app), Cluster(**{FEW: 1, SOME: 3, MANY: 12})
    group.join("a")
    group.join("b")
    given = group.share_out(cluster, "a")
    owned_once(cluster, given)
    for places in given.values():
        held = app.assignment.shares.held(places)
        assert held.keys() == numbers(places)
        assert len(held) == 2
        for number, share in held.items():
            assert {one.partition for one in share if one.topic == FEW} == {number} & {0}
            assert {one.partition for one in share if one.topic == SOME} == {number} & {0, 1, 2}
            assert {one.partition for one in share if one.topic == MANY} == {number, number + 4, number + 8}


counts = st.fixed_dictionaries({name: st.integers(1, 14) for name in (FEW, SOME, MANY)})
moves = st.lists(st.tuples(st.sampled_from(("join", "leave", "grow")), st.integers(0, 9)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(counts=counts, moves=moves)
def test_whoever_comes_and_goes_and_whatever_grows_every_partition_has_the_owner_of_its_number(
    app: BatchApp, counts: dict[str, int], moves: list[tuple[str, int]]
) -> None:
    group, cluster = Group(app), Cluster(**counts)
    group.join("first")
    for step, (move, which) in enumerate([("share", 0), *moves]):
        if move == "join":
            group.join(f"member-{step}")
        elif move == "leave" and len(group.members) > 1:
            group.members.pop(sorted(group.members)[which % len(group.members)])
        elif move == "grow":
            cluster.counts[(FEW, SOME, MANY)[which % 3]] += which
        given = group.share_out(cluster, sorted(group.members)[which % len(group.members)])
        owned_once(cluster, given)
        for places in given.values():
            assert app.assignment.shares.held(places).keys() == numbers(places)


def test_a_number_stays_where_it_is_when_sources_grow(app: BatchApp) -> None:
    group, cluster = Group(app), Cluster(**dict.fromkeys(OURS.names, 2))
    group.join("a")
    group.join("b")
    before = {name: numbers(places) for name, places in group.share_out(cluster, "a").items()}
    for count in (4, 5):
        group.members = dict(reversed(group.members.items()))  # a broker says them in any order
        cluster.counts |= dict.fromkeys(OURS.names, count)
        after = group.share_out(cluster, "b")
        owned_once(cluster, after)
        assert {name: numbers(places) for name, places in after.items()} == before


def test_a_source_that_only_some_members_know_yet_waits_where_it_is_not_known(app: BatchApp) -> None:
    """A new config is rolled out: the others go on with what they read."""
    group, cluster = Group(app), Cluster(**{FEW: 8})
    group.join("old", NAMES - {FEW})
    group.join("new")
    given = group.share_out(cluster, "old")
    assert {one.partition % 4 for one in given["new"] if one.topic == FEW} == numbers(given["new"])
    assert {one for one in given["old"] if one.topic == FEW} == set()
    assert sorted([*numbers(given["old"]), *numbers(given["new"])]) == [0, 1, 2, 3]


def test_without_a_journal_nothing_is_shared_out(app: BatchApp, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):  # noqa: N818 - stands for the end of the process
        pass

    def at_once(code: stop.Code, event: str, **details: object) -> None:
        raise Stopped(code, event, details["missing"])

    monkeypatch.setattr(stop, "at_once", at_once)
    group = Group(app)
    group.join("a")
    with pytest.raises(Stopped) as raised:
        group.share_out(Cluster(**{topics.JOURNAL.name: 0}), "a")
    assert raised.value.args == (stop.Code.ASSIGNMENT_FAILED, "topics_missing", [topics.JOURNAL.name])
