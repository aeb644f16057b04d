"""The merchants of a card: packed in bytes, they are what a map of them is."""

from hypothesis import given
from hypothesis import strategies as st

from streams.triggers.cards import Card, merchant_key

KEPT_MAX = 4
meetings = st.lists(st.tuples(st.sampled_from([bytes((0, 0, 0, one)) for one in range(8)]), st.integers(0, 300)))


@given(meetings)
def test_the_latest_merchants_are_kept_with_their_earliest_purchase(several: list[tuple[bytes, int]]) -> None:
    card, expected = Card(), dict[bytes, int]()
    for merchant, second in several:
        card.meet(merchant, second, KEPT_MAX)
        expected[merchant] = min(second, expected.pop(merchant, second))
        expected = dict([*expected.items()][-KEPT_MAX:])
    assert {one: card.met_at(one) for one in expected} == expected
    assert len(card.merchants) == 8 * len(expected)
    for merchant in expected:
        card.forget(merchant)
        assert card.met_at(merchant) is None
    assert card.merchants == b""


def test_a_key_is_not_found_across_two_merchants() -> None:
    card = Card()
    card.meet(b"abcd", int.from_bytes(b"efgh"), KEPT_MAX)
    card.meet(b"ijkl", 1, KEPT_MAX)
    assert card.met_at(b"ghij") is None
    assert card.met_at(b"efgh") is None
    assert merchant_key("kiosk") != merchant_key("jeweler")
