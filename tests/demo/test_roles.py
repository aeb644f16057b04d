"""Something is planted for every trigger: what must be found, and what must not."""

from collections import Counter

from agents.demo.generator import generate
from agents.demo.roles import ROLES
from streams.trigger import load

SEED = 3
# What is asked of each trigger, and so must be planted.
ACTIONS_OF_TRIGGER = {
    "auto_renewal_safeguard": {"still_wanted_check", "payment_confirmation"},
    "balance_drop": {"loan_offer", "adviser_call", "relationship_call", "acknowledge"},
    "buyers_remorse": {"getting_started_help", "right_size"},
    "card_testing": {"verify_with_cardholder"},
    "company_caused_risk": {"explain_and_offer", "right_size"},
    "engagement_drop": {"re_engage"},
    "fraud_verdict": {"reissue_card", "clear", "escalate"},
    "lapsed": {"cash_back_offer", "balance_transfer_offer", "improvement_news", "why_survey"},
    "missed_visit": {"invite_back"},
    "negative_feedback": {"care_call"},
    "never_used": {"activation_offer"},
    "renewal_reminder": {"renewal_offer"},
    "replacement_due": {"new_model_offer", "refill_reminder"},
    "service_recovery": {"follow_up_call", "escalate_complaint"},
    "win_back": {"win_back_offer"},
}


def test_every_role_has_a_name_of_its_own() -> None:
    assert set(Counter(role.name for role in ROLES if role.name != "plain").values()) == {1}


def test_every_action_of_every_trigger_is_planted() -> None:
    planted: dict[str, set[str]] = {name: set() for name in load()}
    for case in generate(60_000, SEED).truth.cases:
        if case.kind == "plant":
            planted[case.trigger].add(case.action)
    assert planted == ACTIONS_OF_TRIGGER


def test_every_trigger_has_situations_that_must_fire_and_some_that_must_not() -> None:
    cases = generate(200_000, SEED).truth.cases
    planted, missed = (Counter(case.trigger for case in cases if case.kind == kind) for kind in ("plant", "near_miss"))
    assert planted.keys() == load().keys()
    assert min(planted.values()) >= 8
    assert missed.keys() == load().keys() - {"fraud_verdict"}
    assert planted["fraud_verdict"] == planted["card_testing"]
