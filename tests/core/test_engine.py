"""What holds around the triggers: failures stay where they are, held offers end, time fires in bounded portions."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from streams import config, state, turn
from streams import trigger as triggers
from streams.actions import Decision, headers
from streams.events import Cause, Interaction, Profile, Usage
from streams.facts import FraudCheck
from streams.journal import ConfigVersion, Entry, EventEntry, Forget, Source, Tick
from streams.partition import JournalRecord, Partition
from streams.partition_record import PARTITION_KEY
from streams.policy import Policy, QuietHours
from streams.rules import Listener, Rules, compile_rules
from streams.trigger import Candidate, Rule, Trigger, trigger
from streams.view import describe

DAY_MS = 86_400_000
SOURCE = Source("interactions", 0, 0)
PLAIN: dict[str, Any] = {
    "collect_for": timedelta(0),
    "quiet_hours": QuietHours("00:00", "00:00"),
    "hold_out_percent": 0,
}


class NoParameters(Struct, frozen=True):
    """A trigger without parameters."""


class Waiting(Struct, array_like=True):
    """A state that only waits."""

    due_ms: int | None = None


def offer(entry: Any, own: Waiting, _: NoParameters) -> Iterator[Candidate]:
    """At a login it waits a day; the tick after that, it offers."""
    own.due_ms = None
    if isinstance(entry, Tick):
        yield Candidate(action="loan_offer", at_ms=entry.at_ms, causes=(), because="it is time", risk=0.5)
    else:
        own.due_ms = entry.at_ms + DAY_MS


def at_once(entry: Interaction, _: Waiting, __: NoParameters) -> Iterator[Candidate]:
    """Offers at every login."""
    yield Candidate(action="loan_offer", at_ms=entry.at_ms, causes=(entry.cause,), because="a login")


def breaking(error: type[BaseException]) -> Rule:
    """A rule that waits at a login and breaks at the tick."""

    def rule(entry: Any, own: Waiting, parameters: NoParameters) -> Iterator[Candidate]:
        yield from offer(entry, own, parameters)
        if isinstance(entry, Tick):
            raise error

    return rule


def listener(rule: Rule) -> Listener:
    """A live trigger around a rule."""
    one = Trigger(
        name="tested",
        family="retention",
        on=(Interaction, Tick),
        config=NoParameters,
        state=Waiting,
        rule=rule,
        quiet=(),
        state_bytes_max=100,
        with_customer=False,
        documentation="",
    )
    decode = msgspec.msgpack.Decoder(Waiting).decode
    return Listener(one, NoParameters(), shadow=False, decode=decode, empty=msgspec.msgpack.encode(Waiting()))


def rules(tested: Listener, **policy: Any) -> Rules:
    """Rules with one trigger."""
    nothing = compile_rules(config.Config("v1", Policy(**PLAIN | policy), {}))
    return replace(nothing, listeners={"tested": tested}, hearing={Interaction: (tested,)})


def login(customer: str, at_ms: int) -> EventEntry:
    event = Interaction(id=f"{customer}-{at_ms}", customer=customer, at_ms=at_ms, kind="login")
    return EventEntry(event, SOURCE, traceparent="00-trace-span-01")


def visit(customer: str, at_ms: int) -> EventEntry:
    """An event that no trigger here hears."""
    return EventEntry(Usage(id=f"{customer}-{at_ms}", customer=customer, at_ms=at_ms, product="park"), SOURCE)


def profile(customer: str) -> EventEntry:
    event = Profile(id="p", customer=customer, at_ms=0, channels=("email",), consents=("email",), value_minor=1000)
    return EventEntry(event, SOURCE)


class Journal:
    """A partition that is handed one entry after another."""

    def __init__(self, chosen: Rules) -> None:
        self.partition = Partition({})
        self.partition.rules = chosen

    def take(self, *entries: Entry) -> list[Decision]:
        """The decisions on some entries, which are adopted."""
        first = self.partition.position + 1
        batch = self.partition.compute([JournalRecord(first + number, one) for number, one in enumerate(entries)])
        self.partition.adopt(batch)
        return batch.decisions

    def customer(self, name: str) -> state.Customer:
        return state.decode(self.partition.table[name.encode()])


def test_a_tick_fires_a_bounded_number_and_the_next_ones_go_on() -> None:
    journal = Journal(rules(listener(offer), due_per_tick_max=2))
    journal.take(*(login(f"c{number}", 1000) for number in range(5)))
    fired = []
    for number in range(4):
        fired.append(len(journal.take(Tick(2 * DAY_MS + number))))
        assert journal.partition.overdue == (sum(fired) < 5)
    assert fired == [2, 2, 1, 0]


def test_a_tick_that_is_not_later_is_ignored() -> None:
    journal = Journal(rules(listener(offer)))
    journal.take(Tick(3 * DAY_MS), login("c1", 1000))
    assert journal.take(Tick(3 * DAY_MS), Tick(2 * DAY_MS)) == []
    assert len(journal.take(Tick(3 * DAY_MS + 1))) == 1


@pytest.mark.parametrize("at", ["trigger", "engine"])
def test_what_breaks_at_a_tick_is_told_once_and_not_at_every_tick(at: str) -> None:
    whole = listener(breaking(ValueError))
    journal = Journal(rules(whole))
    journal.take(login("c1", 1000))
    if at == "engine":

        def unreadable(_: bytes) -> Struct:
            raise ValueError

        journal.partition.rules = rules(replace(whole, decode=unreadable))
    told = journal.take(Tick(2 * DAY_MS))
    assert [(one.outcome, one.reason, one.trigger) for one in told] == [
        ("failed", "ValueError", "tested" if at == "trigger" else "engine")
    ]
    assert journal.take(Tick(3 * DAY_MS)) == []


def test_an_event_that_breaks_the_engine_leaves_the_customer_as_it_was() -> None:
    def unreadable(_: bytes) -> Struct:
        raise ValueError

    journal = Journal(rules(listener(offer)))
    journal.take(login("c1", 1000))
    before = journal.partition.table[b"c1"]
    journal.partition.rules = rules(replace(listener(offer), decode=unreadable))
    assert [one.outcome for one in journal.take(login("c1", 2000), login("c2", 2000))] == ["failed", "failed"]
    assert journal.partition.table == {b"c1": before}


@pytest.mark.parametrize("decode_breaks", [False, True])
def test_the_machines_trouble_is_no_entrys_failure(*, decode_breaks: bool) -> None:
    def exhausted(_: bytes) -> Struct:
        raise MemoryError

    tested = listener(breaking(MemoryError))
    journal = Journal(rules(tested))
    journal.take(login("c1", 1000))
    if decode_breaks:
        journal.partition.rules = rules(replace(tested, decode=exhausted))
    with pytest.raises(MemoryError):
        journal.take(Tick(2 * DAY_MS))


def held_journal(**policy: int) -> Journal:
    """A customer whose offers are held by an open fraud check."""
    journal = Journal(rules(listener(at_once), **policy))
    journal.take(profile("c1"))
    customer = journal.customer("c1")
    customer.facts.dossier.fraud_checks = [FraudCheck("t", "card", "merchant", opened_at_ms=0)]
    journal.partition.table[b"c1"] = state.encode(customer)
    return journal


def test_more_held_offers_than_are_kept_displace_the_oldest() -> None:
    journal = held_journal(held_kept_max=2)
    told = [journal.take(login("c1", at_ms)) for at_ms in (1000, 2000, 3000)]
    assert [[(one.outcome, one.reason) for one in some] for some in told] == [
        [("held", "fraud_check_open")],
        [("held", "fraud_check_open")],
        [("held", "fraud_check_open"), ("suppressed", "displaced")],
    ]
    assert told[2][1].candidate == told[0][0].candidate
    assert told[0][0].id != told[0][0].candidate, "an interim decision has an id of its own"


def test_a_held_offer_of_a_trigger_that_was_switched_off_ends() -> None:
    journal = held_journal()
    journal.take(login("c1", 1000))
    journal.partition.rules = compile_rules(config.build({}))
    told = journal.take(Tick(8 * DAY_MS))
    assert [(one.outcome, one.reason) for one in told] == [("suppressed", turn.SWITCHED_OFF)]
    assert journal.customer("c1").held == []


def same_cause(entry: Interaction, _: Waiting, __: NoParameters) -> Iterator[Candidate]:
    """Proposes at every login what it proposed before."""
    yield Candidate(action="loan_offer", at_ms=entry.at_ms, causes=(Cause("first", 0),), because="a login")


def test_the_same_of_the_same_causes_is_no_new_candidate() -> None:
    journal = Journal(rules(listener(same_cause), collect_for=timedelta(hours=1)))
    told = [journal.take(profile("c1"), login("c1", 1000)), journal.take(login("c1", 2000))]
    assert told == [[], []], "it waits to compete, and waits once"
    assert len(journal.customer("c1").held) == 1
    assert [one.outcome for one in journal.take(Tick(DAY_MS))] == ["sent"]
    assert journal.take(login("c1", DAY_MS + 1)) == []


def test_held_for_the_same_reason_again_is_another_decision() -> None:
    journal = Journal(rules(listener(at_once), quiet_hours=QuietHours("21:00", "08:00")))
    night_ms = 22 * 3_600_000
    held = journal.take(profile("c1"), login("c1", night_ms))
    customer = journal.customer("c1")
    customer.facts.dossier.fraud_checks = [FraudCheck("t", "card", "merchant", opened_at_ms=night_ms)]
    journal.partition.table[b"c1"] = state.encode(customer)
    asked = journal.take(visit("c1", night_ms + 1))
    customer = journal.customer("c1")
    customer.facts.dossier.fraud_checks[0].answer = "genuine"
    journal.partition.table[b"c1"] = state.encode(customer)
    again = journal.take(visit("c1", night_ms + 2))
    told = [*held, *asked, *again]
    assert [one.reason for one in told] == ["quiet_hours", "fraud_check_open", "quiet_hours"]
    assert len({one.id for one in told}) == 3
    assert {one.candidate for one in told} == {held[0].candidate}


def test_a_held_offer_goes_out_when_the_check_no_longer_counts() -> None:
    journal = held_journal()
    held = journal.take(login("c1", 1000))
    sent = journal.take(Tick(8 * DAY_MS))
    assert [one.outcome for one in sent] == ["sent"]
    assert sent[0].id == held[0].candidate
    assert sent[0].traceparent == "00-trace-span-01", "the trace of the event that caused it"


def test_a_forgotten_customer_is_gone_with_its_due_time() -> None:
    journal = Journal(rules(listener(offer)))
    journal.take(login("c1", 1000), Forget("r1", "c1", 2000))
    assert journal.partition.table == {}
    assert journal.take(Tick(2 * DAY_MS), Forget("r1", "c1", 2000)) == []


def test_a_recovered_partition_goes_on_where_it_was() -> None:
    build = config.build({"policy": {"cool_down": "P3D"}})
    version = ConfigVersion(build.version, config.encode(build), 0)
    first = Partition({})
    records = [JournalRecord(0, version), JournalRecord(1, login("c1", 1000)), JournalRecord(2, Tick(5000))]
    batch = first.compute(records)
    again = Partition({key: blob for key, blob in batch.changes.items() if blob is not None})
    assert (again.position, again.clock_ms, again.rules.version) == (2, 5000, build.version)
    assert again.compute(records).counts == {}, "entries that were applied are passed over"
    assert PARTITION_KEY not in again.table


def test_the_same_version_again_changes_nothing() -> None:
    build = config.build({})
    partition, version = Partition({}), ConfigVersion(build.version, config.encode(build), 0)
    changes = partition.compute([JournalRecord(0, version)]).changes
    assert changes.keys() == {PARTITION_KEY}, "all triggers off is what a partition begins with"


def test_a_view_names_what_the_store_leaves_out() -> None:
    journal = held_journal()
    journal.take(login("c1", 1000))
    view = describe("c1", journal.partition.table[b"c1"])
    shown = msgspec.json.decode(view.document)
    assert view.position == shown["position"] == 1
    assert view.rank is None, "no risk was seen"
    assert shown["facts"]["consents"] == ["email"]
    assert shown["waiting"][0]["reason"] == "fraud_check_open"
    assert shown["waiting"][0]["candidate"]["action"] == "loan_offer"
    assert shown["decisions"][0]["outcome"] == "held"


def test_a_view_ranks_by_risk_times_value() -> None:
    journal = Journal(rules(listener(offer)))
    journal.take(profile("c1"), login("c1", 1000), Tick(2 * DAY_MS))
    view = describe("c1", journal.partition.table[b"c1"])
    assert view.rank == 500
    assert msgspec.json.decode(view.document)["facts"]["signals"] == {"tested": {"risk": 0.5, "at_ms": 2 * DAY_MS}}


def test_headers_are_cloudevents_in_a_fixed_order() -> None:
    journal = Journal(rules(listener(at_once)))
    (decision,) = journal.take(profile("c1"), login("c1", 1000))
    assert headers(decision) == [
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
        ("ce_id", decision.id.encode()),
        ("ce_type", b"bellwether.retention.loan_offer.v1"),
        ("ce_source", b"/bellwether/triggers/tested"),
        ("ce_time", b"1970-01-01T00:00:01.000Z"),
        ("traceparent", b"00-trace-span-01"),
    ]


def misnamed(_: Any, __: Any, ___: Any) -> Iterator[Candidate]:
    yield from ()


def test_a_trigger_is_named_after_its_file_in_a_familys_folder() -> None:
    register = trigger(on=(Tick,), config=NoParameters, state=Waiting)
    with pytest.raises(TypeError, match="must be named"):
        register(misnamed)


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_holds_exactly_one_trigger(count: int) -> None:
    module = ModuleType("streams.triggers.fraud.crowd")
    vars(module).update({f"one{number}": listener(offer).trigger for number in range(count)})
    with pytest.raises(TypeError, match=f"it holds {count}"):
        triggers._in_module(module)


def test_two_triggers_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    twin: Callable[[ModuleType], Trigger] = lambda _: listener(offer).trigger  # noqa: E731
    monkeypatch.setattr(triggers, "_in_module", twin)
    with pytest.raises(TypeError, match="share a name"):
        triggers.load.__wrapped__()
