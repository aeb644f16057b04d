"""Offers: the best for the segment, and of several candidates the best one."""

from typing import Any

from streams.competition import Choice, best_offer, choose, segment_of
from streams.events import Cause
from streams.facts import Facts, Signal
from streams.policy import Offer, Policy
from streams.remember import risks
from streams.state import Proposal
from streams.trigger import Candidate

OFFERS = {"loan_offer": {"small": Offer({"high": 0.2}), "big": Offer({"high": 0.3, "medium": 0.3}, 10_000)}}


def known(value_minor: int, **signals: Signal) -> Facts:
    facts = Facts()
    facts.dossier.value_minor, facts.dossier.signals = value_minor, signals
    return facts


def best(value_minor: int, risk: float = 0.5, **policy: Any) -> Choice:
    return best_offer("loan_offer", risk, known(value_minor), Policy(**{"offers": OFFERS} | policy))


def worth_minor(proposal: Proposal, facts: Facts, now_ms: int) -> float:
    policy = Policy(offers={})
    return choose(proposal, risks(facts, now_ms, policy), facts, policy).worth_minor


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
    assert best(100_000) == Choice("high", "big", 0.3, 0.3 * (50_000 - 10_000))
    assert best(100_000, risk=0.15).offer == "small", "a big one costs too much for what is at risk"
    assert best(30_000) == Choice("medium", "big", 0.3, 0.3 * (15_000 - 10_000))


def test_without_figures_the_default_holds_and_ties_go_by_name() -> None:
    assert best(10).acceptance == Policy().acceptance_default
    assert best(0, risk=0.0, offers={"loan_offer": {"b": Offer(), "a": Offer()}}).offer == "a"
    assert best(100_000, offers={}) == Choice("high", None, 0.05, 0.05 * 50_000)


def test_a_proposal_counts_for_its_share_of_the_risk_that_is_left() -> None:
    facts = known(100_000, here=Signal(0.5, 0), there=Signal(0.5, 0))
    candidate = Candidate(action="loan_offer", at_ms=0, causes=(Cause("e", 0),), because="", risk=0.5)
    here = Proposal("one", "here", "retention", candidate)
    assert worth_minor(here, facts, 0) == 0.05 * 0.375 * 100_000
    later_ms = 45 * 86_400_000  # half of the time in which a signal fades
    facts.dossier.signals["there"] = Signal(0.5, later_ms)
    assert worth_minor(here, facts, later_ms) == 0.05 * round(0.625 / 3, 6) * 100_000


def test_a_proposal_that_saw_no_risk_has_no_part_in_it() -> None:
    facts = known(100_000, here=Signal(0.5, 0))
    candidate = Candidate(action="loan_offer", at_ms=0, causes=(Cause("e", 0),), because="")
    assert worth_minor(Proposal("one", "here", "retention", candidate), facts, 0) == 0
