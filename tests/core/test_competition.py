"""Offers: the best for the segment, and of several candidates the best one."""

from typing import Any

from streams.competition import Choice, best_offer, segment_of
from streams.facts import Facts
from streams.policy import Offer, Policy

OFFERS = {"loan_offer": {"small": Offer({"high": 0.2}), "big": Offer({"high": 0.3, "medium": 0.3}, 10_000)}}


def choose(value_minor: int, risk: float = 0.5, **policy: Any) -> Choice:
    facts = Facts()
    facts.dossier.value_minor = value_minor
    return best_offer("loan_offer", risk, facts, Policy(**{"offers": OFFERS} | policy))


def test_a_segment_is_the_highest_whose_least_value_is_reached() -> None:
    policy = Policy(segments={"high": 100, "medium": 20})
    assert [segment_of(value, policy) for value in (100, 99, 20, 19, 0)] == [
        "high",
        "medium",
        "medium",
        "other",
        "other",
    ]


def test_the_offer_of_most_worth_wins_its_costs_counted() -> None:
    assert choose(100_000) == Choice("high", "big", 0.3, 0.3 * (50_000 - 10_000))
    assert choose(100_000, risk=0.15).offer == "small", "a big one costs too much for what is at risk"
    assert choose(30_000) == Choice("medium", "big", 0.3, 0.3 * (15_000 - 10_000))


def test_without_figures_the_default_holds_and_ties_go_by_name() -> None:
    assert choose(10).acceptance == Policy().acceptance_default
    assert choose(0, risk=0.0, offers={"loan_offer": {"b": Offer(), "a": Offer()}}).offer == "a"
    assert choose(100_000, offers={}) == Choice("high", None, 0.05, 0.05 * 50_000)
