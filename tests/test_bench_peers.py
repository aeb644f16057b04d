"""The comparison with others: its data, its plans and its meter. No peer is started here."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from bench import environments, j1, plan, purchases
from bench.contestants import ALL, OURS, Order, command
from bench.peers import jobs
from bench.peers.meter import Meter, parser
from bench.purchases import Made, Settings

SMALL = Settings(events=6000, customers=40, fraud=0.1)


def fields(made: Made) -> dict[str, object]:
    return dict(msgspec.json.decode(made.value))


def told_simply(all_made: list[Made]) -> Iterator[tuple[str, int, int, int]]:
    """J1 once more, by looking back over everything: customer, matches, the earliest of them, purchases so far."""
    seen: dict[str, list[dict[str, object]]] = {}
    small: dict[str, list[tuple[int, str]]] = {}
    for made in all_made:
        one = fields(made)
        who, card, amount, at = (one[name] for name in ("customer_id", "card_id", "amount_minor", "occurred_at"))
        assert isinstance(who, str)
        assert isinstance(card, str)
        assert isinstance(amount, int)
        assert isinstance(at, int)
        seen.setdefault(who, []).append(one)
        kept = small.setdefault(who, [])
        if amount <= 200:
            small[who] = [*kept, (at, card)][-16:]
        matches = [then for then, other in kept if other == card and at - 3_600_000 <= then < at]
        if amount >= 50_000 and matches:
            small[who] = [entry for entry in kept if entry[1] != card]
            yield who, len(matches), min(matches), len(seen[who])


def alerts_of(all_made: list[Made], job: str = "j1") -> list[jobs.Output]:
    states: dict[str, jobs.State] = {}
    found = []
    for one in all_made:
        rule = jobs.STATEFUL[job]
        state = states.setdefault(rule.state_key(one.customer, one.at_ms), rule.new_state())
        output = rule.decide(state, one.customer, one.card, one.transaction, one.amount_minor, one.at_ms)
        if output is not None:
            found.append(output)
    return found


@pytest.mark.parametrize(
    "settings", [Settings(events=47), SMALL, msgspec.structs.replace(SMALL, skew="zipf", late=0.2)]
)
def test_the_rule_is_the_one_that_is_written_down(settings: Settings) -> None:
    made = list(purchases.records(settings))
    found = [(one["customer_id"], one["n_small"], one["first_small_at"], one["seen"]) for one in alerts_of(made)]
    assert found == list(told_simply(made))


def test_our_side_has_a_rule_of_its_own_with_the_same_answers() -> None:
    made = list(purchases.records(SMALL))
    for job in ("j1", "j1h", "j1p", "j2"):
        states: dict[bytes, bytes] = {}
        ours = []
        for one in made:
            state, alert = j1.RULES[job](one.value, states.get(one.key))
            states |= {one.key: state} if state is not None else {}
            ours += [] if alert is None else [msgspec.json.decode(alert)]
        assert ours == alerts_of(made, job) != []


def test_a_customers_oldest_hour_goes_first() -> None:
    made = next(iter(purchases.records(SMALL)))
    state = None
    for hour in (5, *range(100, 100 + j1.HOURS_KEPT_MAX)):
        purchase = fields(made) | {"occurred_at": hour * j1.HOUR_MS}
        state, _ = j1.each_hour(msgspec.json.encode(purchase), state)
    assert list(j1.decode_hours(state or b"")) == [*range(100, 100 + j1.HOURS_KEPT_MAX)]


def test_the_edge_cases_lie_on_both_sides_of_every_bound() -> None:
    edges = list(purchases.records(Settings(events=47)))
    assert len(purchases.edge_cases(2)) == 47
    hits = [(alert["customer_id"][-2:], alert["n_small"], alert["seen"]) for alert in alerts_of(edges)]
    assert hits == [
        ("00", 1, 2),  # exactly a window ago
        ("03", 1, 2),
        ("05", 1, 3),  # 499.99 wasn't large
        ("06", 1, 2),  # the second large purchase finds nothing
        ("07", 1, 3),
        ("08", 2, 3),
        ("09", 1, 3),  # of two, one is too old
        ("10", 16, 18),  # the first of seventeen is gone
        ("11", 1, 3),
        ("11", 1, 4),  # another card's hit left this card's entry
    ]


def test_a_hit_forgets_entries_of_the_card_outside_the_window_too() -> None:
    state = jobs.STATEFUL["j1"].new_state()
    decide = jobs.STATEFUL["j1"].decide
    for card, amount, at in (("a", 100, 0), ("a", 100, 4_000_000), ("b", 100, 4_000_000), ("a", 60_000, 4_000_001)):
        decide(state, "c", card, "t", amount, at)
    assert state == [4, [[4_000_000, "b"]]]


def test_the_same_settings_give_the_same_bytes_and_a_shorter_run_is_the_beginning() -> None:
    def digest(events: int, taken: int, seed: int = 1) -> str:
        made = purchases.records(Settings(events=events, customers=40, seed=seed))
        return hashlib.sha256(
            b"".join(one.key + one.value for one, _ in zip(made, range(taken), strict=False))
        ).hexdigest()

    assert digest(500, 500) == digest(500, 500) == digest(900, 500)
    assert digest(500, 500, seed=2) != digest(500, 500)


def test_zipf_gives_one_customer_over_a_tenth_and_a_card_key_has_one_card_each() -> None:
    def customers(settings: Settings) -> list[str]:
        return [one.customer for one in purchases.records(settings)]

    drawn = customers(Settings(events=5000, skew="zipf"))
    most = max(set(drawn), key=drawn.count)
    assert drawn.count(most) > 500
    even = customers(Settings(events=5000))
    assert max(map(even.count, set(even[100:400]))) < 10
    by_card = list(purchases.records(Settings(events=5000, customers=40, cards=1)))
    assert {one.key for one in by_card} == {one.card.encode() for one in by_card}
    assert len({one.card for one in by_card}) == len({one.customer for one in by_card})


def test_some_are_late_and_every_record_has_the_ten_fields() -> None:
    made = list(purchases.records(SMALL))[47:]
    late = sum(after.at_ms < before.at_ms for before, after in pairwise(made))
    assert 30 < late < 120
    assert {len(fields(one)) for one in made} == {10}
    assert all(one.at_ms == fields(one)["occurred_at"] and one.card == fields(one)["card_id"] for one in made)


def test_the_plans_name_programs_that_exist_and_jobs_that_they_do() -> None:
    for contests in (plan.quick(), plan.full()):
        assert contests[0].contestant == OURS.name
        assert all(one.contestant in ALL for one in contests)
        assert all(one.job == "decode" or one.job in ALL[one.contestant].jobs for one in contests)
        assert len(set(contests)) == len(contests)
    assert {one.contestant for one in plan.full()} == set(ALL)
    assert {one.job for one in plan.full()} == {*jobs.NAMES, "decode"}
    assert {one.contestant for one in plan.chosen(plan.full(), ["j0"], ["Quix"])} == {"Quix, 100 ms"}
    assert all((one.settings.cards == 1) == (one.job == "j1p") for one in plan.full())


def test_both_of_a_pair_have_the_same_source_and_sides_are_rarer() -> None:
    settings = [one for one, _ in plan.inputs(plan.quick())]
    assert len(settings) == len(set(settings)) == 3
    side = next(one for one in plan.full() if not one.main)
    assert [turn for turn in range(10) if side.due(turn)] == [2, 7]
    assert plan.Contest("bare aiokafka", "decode", SMALL).reference("ours") is None
    assert plan.Contest("Quix, 100 ms", "j1", SMALL).reference("ours") == "ours"


@pytest.mark.parametrize("name", environments.PYTHON)
def test_an_environment_has_what_is_asked_for(name: str) -> None:
    lock = (environments.PEERS / "environments" / f"{name}.lock").read_text()
    asked = (environments.PEERS / "environments" / f"{name}.in").read_text().split()
    assert {one.lower() for one in asked} <= {line.split()[0] for line in lock.splitlines()}


def test_every_shared_option_reaches_ours(tmp_path: Path) -> None:
    order = Order("j1", "127.0.0.1:1", "in", "out", 9, 3, "group", 4, tmp_path)
    words, added = command(OURS, order)
    assert added == {}
    assert words[1:3] == ["-m", "bench.ours"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert given["--events"] == "9"
    assert given["--warmup"] == "3"
    assert given["--marks"] == "1"


def test_the_meter_measures_from_the_warm_up_to_the_last_event(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter("some", parser("some", ("none",)).parse_args(["--events", "10", "--warmup", "4"]))
    assert [meter.tick(2) for _ in range(5)] == [False, False, False, False, True]
    meter.finish()
    said = msgspec.json.decode(capsys.readouterr().out)
    assert (said["events"], said["guarantee"]) == (6, "none")
    late = Meter("some", parser("some", ("none",)).parse_args(["--events", "10", "--warmup", "4"]))
    for _ in range(3):  # lanes side by side: all have taken their events before the first one commits
        late.taken(3)
    late.taken(1)
    assert [late.tick(count) for count in (3, 3, 3, 1)] == [False, False, False, True]
    late.finish()
    assert msgspec.json.decode(capsys.readouterr().out)["events"] == 4
    early = Meter("some", parser("some", ("none",)).parse_args(["--events", "10"]))
    early.tick(9)
    early.finish()
    assert msgspec.json.decode(capsys.readouterr().out)["error"] == "stopped early"
