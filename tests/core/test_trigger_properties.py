"""What must hold for triggers whatever the numbers are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import AccountMovement, CardTransaction
from streams.facts import Facts
from streams.trigger import load
from streams.triggers.bounded import put_last
from streams.triggers.gaps import spread, spread_but_one
from streams.triggers.savings import Account, Movement
from streams.triggers.wording import length, money

CARD_TESTING = load()["card_testing"]
DAY_MS = 86_400_000
amounts = st.integers(-(10**12), 10**12)


def purchase(number: int, after_minutes: int, amount_minor: int) -> CardTransaction:
    return CardTransaction(
        id=f"e{number}",
        customer="anna",
        at_ms=after_minutes * 60_000,
        card="c1",
        amount_minor=amount_minor,
        currency="EUR",
        merchant=f"m{number}",
    )


def movement(number: int, at_ms: int, balance_minor: int) -> AccountMovement:
    return AccountMovement(
        id=f"e{number}",
        customer="anna",
        at_ms=at_ms,
        account="a1",
        account_type="savings",
        amount_minor=0,
        currency="EUR",
        balance_after_minor=balance_minor,
        method="deposit",
    )


purchases = st.lists(
    st.tuples(st.integers(0, 4000), st.sampled_from([0, 100, 199, 500, 501, 4100, 20_000, 50_000, 90_000])), max_size=14
).map(lambda rows: [purchase(number, *row) for number, row in enumerate(rows)])


@given(purchases)
def test_card_testing_asks_about_a_purchase_once_and_only_after_a_test(arriving: list[CardTransaction]) -> None:
    state, parameters = CARD_TESTING.state(), CARD_TESTING.config()
    by_id = {one.id: one for one in arriving}
    asked = [one for entry in arriving for one in CARD_TESTING.rule(entry, state, parameters, Facts())]
    transactions = [candidate.subject["transaction"] for candidate in asked]
    assert len(set(transactions)) == len(transactions)
    for candidate in asked:
        *tests, large = (by_id[cause.event] for cause in candidate.causes)
        assert large.id == candidate.subject["transaction"]
        assert large.amount_minor >= 20_000
        assert tests
        assert all(one.amount_minor <= 500 and 0 <= large.at_ms - one.at_ms <= DAY_MS for one in tests)


@given(st.integers(0, 1439), st.booleans())
def test_card_testing_does_not_mind_which_arrives_first(minutes_between: int, test_is_late: bool) -> None:  # noqa: FBT001
    pair = [purchase(0, 0, 199), purchase(1, minutes_between, 50_000)]
    state, parameters = CARD_TESTING.state(), CARD_TESTING.config()
    arriving = reversed(pair) if test_is_late else pair
    asked = [one for entry in arriving for one in CARD_TESTING.rule(entry, state, parameters, Facts())]
    assert [[cause.event for cause in one.causes] for one in asked] == [["e0", "e1"]]


@given(st.lists(st.tuples(st.integers(0, 400 * DAY_MS), amounts), min_size=1), st.integers(1, 400))
def test_an_average_stays_between_the_balances(rows: list[tuple[int, int]], average_over_days: int) -> None:
    (first_ms, first_minor), *rest = rows
    account = Account("EUR", first_ms, first_ms, first_minor, first_minor)
    seen = [first_minor]
    for number, (at_ms, balance_minor) in enumerate(rest):
        average_minor = account.advance(movement(number, at_ms, balance_minor), average_over_days * DAY_MS)
        assert min(seen) <= average_minor <= max(seen)
        seen.append(balance_minor)


@given(st.integers(0, 10**12), st.integers(1, 800))
def test_a_balance_that_stays_is_its_own_average(balance_minor: int, days: int) -> None:
    account = Account("EUR", 0, 0, balance_minor, balance_minor)
    for day in range(1, days):
        assert account.advance(movement(day, day * DAY_MS, balance_minor), 90 * DAY_MS) == balance_minor


def test_an_average_forgets_what_is_long_past() -> None:
    account = Account("EUR", 0, 0, 0, 0)
    averages = [account.advance(movement(day, day * DAY_MS, 10_000), 90 * DAY_MS) for day in range(400, 491)]
    assert averages[0] == 0
    assert 6_000 < averages[-1] < 7_000  # 1 - 1/e of the way after 90 days


@given(st.lists(st.tuples(st.integers(0, 100), amounts), min_size=1), st.integers(1, 8))
def test_the_largest_withdrawal_is_never_forgotten(rows: list[tuple[int, int]], kept_max: int) -> None:
    account = Account("EUR", 0, 0, 0, 0)
    for number, (at_ms, amount_minor) in enumerate(rows):
        account.remember(Movement(at_ms, amount_minor, 0, f"e{number}", number), max(kept_max, 2))
    kept = account.movements
    assert len(kept) <= max(kept_max, 2)
    assert min(one.amount_minor for one in kept) == min(amount_minor for _, amount_minor in rows)
    assert [one.at_ms for one in kept] == sorted(one.at_ms for one in kept)


@given(amounts, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_reads_back(amount_minor: int, currency: str) -> None:
    text = money(amount_minor, currency)
    assert text.endswith(f" {currency}")
    assert int(text.removesuffix(currency).strip().replace(".", "")) == amount_minor


def test_money_knows_currencies_with_other_decimals() -> None:
    assert [money(-1205, one) for one in ("EUR", "JPY", "KWD")] == ["-12.05 EUR", "-1205 JPY", "-1.205 KWD"]


def test_length_in_the_unit_a_person_would_choose() -> None:
    minutes = [0, 1, 90, 120, 60 * 47, 60 * 48]
    assert [length(one * 60_000) for one in minutes] == [
        "0 minutes",
        "1 minute",
        "90 minutes",
        "2 hours",
        "47 hours",
        "2 days",
    ]


@given(st.lists(st.integers(0, 20)), st.integers(1, 5))
def test_put_last_keeps_the_latest_used(keys: list[int], kept_max: int) -> None:
    kept: dict[int, None] = {}
    for key in keys:
        kept.pop(key, None)
        put_last(kept, key, None, kept_max)
    latest = list(dict.fromkeys(reversed(keys)))[:kept_max]
    assert list(kept) == latest[::-1]


@given(st.lists(st.integers(0, 10**9), min_size=2), st.integers(0, 10**12))
def test_one_value_that_is_far_off_changes_no_spread_and_two_change_the_stricter_one(
    values: list[int], far: int
) -> None:
    assert spread_but_one(values) >= spread(values)
    alike = [60, 60, 61, 59, 60]
    assert spread_but_one([*alike, far]) <= 1
    assert spread_but_one([*alike, 1000, 1000 + far]) == 940


def test_all_values_but_one_need_two() -> None:
    with pytest.raises(ValueError, match="two"):
        spread_but_one([60])
