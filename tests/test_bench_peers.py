"""The comparison with others: its data, its check, its statistics and its page. No peer is started here."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median

import msgspec
import pytest

from bench import comparison_report, environments, j1, outcome, plan, purchases, ratios
from bench.comparison import Compared, Data, Pair, Wanted
from bench.comparison_report import Report
from bench.contestants import ALL, OURS, Order, command
from bench.outcome import Expected, Outcome, of_job
from bench.peer_run import PeerRun
from bench.peers import jobs
from bench.peers.meter import Meter, parser
from bench.purchases import Made, Settings
from bench.ratios import Ratio, ratio

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
    for job in ("j1", "j1h"):
        states: dict[bytes, bytes] = {}
        ours = []
        for one in made:
            state, alert = j1.RULES[job](one.value, states.get(one.key))
            states |= {one.key: state} if state is not None else {}
            ours += [] if alert is None else [msgspec.json.decode(alert)]
        assert ours == alerts_of(made, job) != []


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


def outcome_of(records: list[tuple[bytes, jobs.Output]], job: str = "j1") -> Outcome:
    found = of_job(job)
    for key, value in records:
        found.add(key, value)
    return found.outcome()


def output_of(job: str) -> list[tuple[bytes, jobs.Output]]:
    return [(one["customer_id"].encode(), one) for one in alerts_of(list(purchases.records(SMALL)), job)]


def expected_of(job: str) -> Outcome:
    expected = Expected([job])
    for one in purchases.records(SMALL):
        expected.add(one)
    return expected.outcomes()[job]


Records = list[tuple[bytes, jobs.Output]]


def of_one_customer(records: Records) -> tuple[int, int]:
    """Where the first customer with two outputs has them."""
    keys = [key for key, _ in records]
    first = next(at for at, key in enumerate(keys) if keys.count(key) > 1)
    return first, keys.index(keys[first], first + 1)


def lost(records: Records) -> Records:
    return records[:-1]


def doubled(records: Records) -> Records:
    return [*records, records[-1]]


def lost_and_doubled(records: Records) -> Records:
    return [*records[1:], records[-1]]


def changed(records: Records) -> Records:
    key, value = records[3]
    return [*records[:3], (key, value | {"customer_id": value["customer_id"], "seen": -1}), *records[4:]]


def with_another_key(records: Records) -> Records:
    return [(b"c9999999", records[0][1]), *records[1:]]


def reordered(records: Records) -> Records:
    one, other = of_one_customer(records)
    swapped = list(records)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


TAMPERINGS = {
    lost: "outputs instead of",
    doubled: "outputs instead of",
    lost_and_doubled: "another content",
    changed: "another content",
    with_another_key: "another content",
    reordered: "out of order",
}


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_a_tampered_output_is_found_and_named(tamper: Callable[[Records], Records]) -> None:
    records = output_of("j1")
    expected = expected_of("j1")
    assert outcome.faults(expected, outcome_of(records)) == []
    assert [TAMPERINGS[tamper] in fault for fault in outcome.faults(expected, outcome_of(tamper(records)))] == [True]


def test_customers_may_come_in_any_order_and_fields_in_any_spelling() -> None:
    records = output_of("j1")
    by_customer = sorted(records, key=lambda record: record[0])
    respelled = [(key, dict(reversed(value.items()))) for key, value in by_customer]
    assert by_customer != records
    assert outcome_of(respelled) == expected_of("j1")


def test_of_each_hour_the_last_value_is_checked() -> None:
    records = output_of("j2")
    expected = expected_of("j2")
    assert expected.count < len(records) == SMALL.events
    assert outcome.faults(expected, outcome_of(records, "j2")) == []
    assert outcome.faults(expected, outcome_of(records[:1] + records, "j2")) == []
    last = max(at for at, (key, _) in enumerate(records) if key == records[0][0])
    assert outcome.faults(expected, outcome_of(records[:last] + records[last + 1 :], "j2")) != []


def test_large_purchases_pass_unchanged() -> None:
    large = [(one.key, fields(one)) for one in purchases.records(SMALL) if one.amount_minor >= 50_000]
    assert outcome_of(large, "j0") == expected_of("j0")
    assert outcome.faults(expected_of("j0"), outcome_of(large[1:], "j0"))


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    chance = Random(7)  # noqa: S311 - made-up data
    tries = 200
    covered = 0
    for _ in range(tries):
        found = ratio([chance.lognormvariate(1.0, 0.2) for _ in range(15)], resamples=300)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 2.718281828 <= found.high
    assert 0.88 * tries <= covered <= 0.995 * tries


def test_a_ratio_of_few_or_equal_pairs() -> None:
    assert ratio([]) is None
    assert ratio([3.0]) == Ratio(1, 3.0, None, None)
    assert ratio([2.0] * 5) == Ratio(5, 2.0, 2.0, 2.0)
    values = [1.0, 2.0, 3.0, 4.0, 100.0]
    found = ratio(values)
    assert found == ratio(values)
    assert found is not None
    assert (found.median, found.low, found.high) == (median(values), 1.0, 100.0)
    assert ratios.LEVEL == 0.95


def test_what_a_program_against_itself_must_show() -> None:
    assert comparison_report.sound(Ratio(10, 1.01, 0.98, 1.04))
    assert not comparison_report.sound(Ratio(10, 1.02, 1.01, 1.03))
    assert not comparison_report.sound(Ratio(10, 1.0, 0.9, 1.1))
    assert not comparison_report.sound(Ratio(1, 1.0, None, None))


def run_of(name: str, cpu_us: float, **changes: object) -> PeerRun:
    row = PeerRun(
        contestant=name,
        job="j1",
        skew="uniform",
        guarantee=ALL[name].guarantee,
        events=1000,
        measured=1000,
        cpu_seconds=cpu_us / 1000,
        broker_seconds=0.002,
        wall_seconds=0.01,
        resident_bytes=10**8,
        kernel_us=0.5,
    )
    return msgspec.structs.replace(row, **changes)


def compared(pairs: list[Pair], *, loaded: bool = False) -> Compared:
    settings = Settings(events=1000)
    contests = [plan.Contest("ours", "j1", settings), plan.Contest("Quix, 100 ms", "j1", settings)]
    data = [Data(settings, "5e1f", 211.0, {"j1": Outcome(1, "a", "b")})]
    return Compared(Wanted(contests, 10, 5.0, loaded=loaded), data, pairs, 60.0)


def page_of(pairs: list[Pair], *, loaded: bool = False) -> str:
    machine: dict[str, str | int] = {"cores": 2, "cpu": "abacus", "kernel": "6", "python": "3.11"}
    return comparison_report.as_markdown(
        Report(machine, {"kafka-streams": "4.1.0"}, "abc", 0.1, compared(pairs, loaded=loaded))
    )


def pairs_of(ratios_of: list[float], **changes: object) -> list[Pair]:
    return [
        Pair(turn, 0, run_of("Quix, 100 ms", 8.0 * one, **changes), run_of("ours", 8.0))
        for turn, one in enumerate(ratios_of)
    ]


def test_the_page_has_the_median_of_the_pairs_ratios_and_both_sides() -> None:
    page = page_of(pairs_of([5.0, 7.0, 6.0]))
    assert "| ours | exactly-once | 1,000 | 8.00 | 16.0 | 2.00 | 100,000 | 100 | 0.00 |" in page
    assert (
        "| Quix, 100 ms | exactly-once | 1,000 | 48.00 | 96.0 | 2.00 | 100,000 | 100 | 0.00 | 3 of 3 | 6.00 |" in page
    )
    assert "| 5.00 |\n" in page  # with the broker's 2 µs on both sides: 50 over 10
    assert "SHA-256 5e1f" in page
    assert "abacus" in page
    assert "kafka-streams 4.1.0" in page


def test_a_wrong_hash_has_no_speed() -> None:
    right, wrong = pairs_of([5.0]), pairs_of([5.0], faults=["3 outputs instead of 4"])
    page = page_of(right + wrong)
    assert f"| Quix, 100 ms | exactly-once | 1,000 | {comparison_report.NO_SPEED} | 3 outputs instead of 4 |" in page
    assert comparison_report.faults(compared(right + wrong)) == ["Quix, 100 ms, j1: 3 outputs instead of 4"]
    assert comparison_report.faults(compared(right)) == []


@pytest.mark.parametrize("disturbance", [{"steal_share": 0.03}, {"foreign_share": 0.2}])
def test_a_disturbed_pair_is_kept_but_not_counted(disturbance: dict[str, float]) -> None:
    pairs = [*pairs_of([5.0]), *pairs_of([50.0], **disturbance)]
    page = page_of(pairs)
    assert "1 of 2 | 5.00 |" in page
    assert "1 of 2 pairs met" in page
    assert "2 of 2 | 27.50 |" in page_of(pairs, loaded=True)
    assert "rough figures only" in page_of(pairs, loaded=True)
    assert "no pair counts" in page_of(pairs[1:])


def test_ours_against_itself_is_said_first() -> None:
    control = [Pair(turn, 0, run_of("ours", 8.0), run_of("ours", 8.0)) for turn in range(3)]
    assert "ours against itself: 1.000, 1.000-1.000 in 3 pairs; as it should be" in page_of(control)
    uneven = [Pair(turn, 0, run_of("ours", 9.0), run_of("ours", 8.0)) for turn in range(3)]
    assert "can't be trusted" in page_of(uneven)
    assert "too few pairs" in page_of(pairs_of([5.0]))


def test_json_has_every_run_as_it_came() -> None:
    whole = Report({}, {}, "abc", 0.1, compared(pairs_of([5.0, 6.0])))
    assert msgspec.json.decode(comparison_report.as_json(whole), type=Report) == whole


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
    assert plan.Contest("Quix, 100 ms", "j2", SMALL).reference("ours") is None
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
    meter.start()
    assert [meter.tick(2) for _ in range(5)] == [False, False, False, False, True]
    meter.finish()
    said = msgspec.json.decode(capsys.readouterr().out)
    assert (said["events"], said["guarantee"]) == (6, "none")
    early = Meter("some", parser("some", ("none",)).parse_args(["--events", "10"]))
    early.tick(9)
    early.finish()
    assert msgspec.json.decode(capsys.readouterr().out)["error"] == "stopped early"
