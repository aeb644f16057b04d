"""The comparison with others: an output that is lost, doubled, changed or out of order is found."""

from collections.abc import Callable

import msgspec
import pytest

from bench import outcome, purchases
from bench.outcome import Expected, Outcome, of_job
from bench.peers import jobs
from bench.purchases import Made, Settings

SMALL = Settings(events=6000, customers=40, fraud=0.1)


def fields(made: Made) -> dict[str, object]:
    return dict(msgspec.json.decode(made.value))


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
