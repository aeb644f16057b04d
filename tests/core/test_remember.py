"""The shared facts: what events say about a customer, in whatever order they arrive."""

from datetime import timedelta
from typing import Any

import pytest

from streams import remember
from streams.events import (
    AccountMovement,
    CardStatement,
    CardTransaction,
    Contract,
    Event,
    Interaction,
    Purchase,
    Response,
    Usage,
)
from streams.facts import WEEK_MS, Contact, Facts, Term
from streams.periods import Periods
from streams.policy import Policy

DAY_MS = 86_400_000
NOW_MS = 1_767_571_200_000
POLICY = Policy()
MONTH = timedelta(days=30)


def event(what: type[Event], day: float, /, **fields: Any) -> Event:
    at_ms = NOW_MS + int(day * DAY_MS)
    return what(id=f"{what.__name__}-{day}", customer="anna", at_ms=at_ms, **fields)


def known_of(*events: Event) -> Facts:
    known = Facts()
    for one in events:
        remember.remember_event(known, one, POLICY)
    return known


def complaint(day: float, subject: str | None = None) -> Event:
    return event(Interaction, day, kind="complaint", subject=subject)


def resolved(day: float, subject: str | None = None) -> Event:
    return event(Interaction, day, kind="complaint_resolved", subject=subject)


def is_open(*events: Event, day: float = 10) -> bool:
    return known_of(*events).open_complaint(NOW_MS + int(day * DAY_MS), MONTH) is not None


def test_a_complaint_is_open_until_it_was_resolved_whichever_arrives_first() -> None:
    assert is_open(complaint(1))
    assert not is_open(complaint(1), resolved(2))
    assert not is_open(resolved(2), complaint(1))
    assert is_open(resolved(0), complaint(1)), "what was resolved before is another one"
    assert not is_open(complaint(1), day=32), "nobody will resolve it any more"
    assert known_of(complaint(1), resolved(2), resolved(4)).resolved_at_ms() == NOW_MS + 4 * DAY_MS
    assert known_of().resolved_at_ms() is None


def test_a_resolution_is_of_complaints_about_the_same_thing() -> None:
    assert is_open(complaint(1, "card"), resolved(2, "loan"))
    assert not is_open(complaint(1, "card"), resolved(2, "card"))
    assert not is_open(complaint(1, "card"), resolved(2))
    assert not is_open(complaint(1), resolved(2, "card"))


def test_the_same_complaint_twice_is_one_and_the_latest_are_kept() -> None:
    assert len(known_of(complaint(1), complaint(1)).dossier.complaints) == 1
    kept = known_of(*(complaint(day) for day in (3, 1, 5, 2, 4, 6))).dossier.complaints
    assert [one.at_ms for one in kept] == [NOW_MS + day * DAY_MS for day in (3, 4, 5, 6)]
    assert kept[0].cause.event == "Interaction-3"


def contract(day: float, status: str, **fields: Any) -> Event:
    return event(Contract, day, contract="k1", product="insurance", status=status, **fields)


def test_a_term_is_what_the_latest_word_on_it_says() -> None:
    signed = contract(0, "signed", starts_at_ms=NOW_MS, ends_at_ms=NOW_MS + 365 * DAY_MS, price_minor=9_000)
    automatic = contract(5, "auto_renewal_on")
    assert known_of(signed, automatic).dossier.terms["k1"].is_auto_renewed
    assert known_of(signed, automatic).dossier.terms["k1"].status == "signed"
    assert known_of(signed, automatic).dossier.terms["k1"].ends_at_ms == NOW_MS + 365 * DAY_MS
    assert not known_of(signed, automatic, contract(6, "auto_renewal_off")).dossier.terms["k1"].is_auto_renewed
    cancelled = contract(9, "cancelled")
    assert known_of(signed, automatic, cancelled).dossier.terms == known_of(cancelled, automatic, signed).dossier.terms
    assert known_of(cancelled, signed).dossier.terms["k1"].status == "cancelled"
    assert set(known_of(signed).running_terms(NOW_MS + DAY_MS)) == {"k1"}
    assert known_of(signed).running_terms(NOW_MS + 366 * DAY_MS) == {}


@pytest.mark.parametrize(
    ("term", "runs"),
    [
        (Term("p", "signed", 0), True),
        (Term("p", "signed", 0, ends_at_ms=NOW_MS), False),
        (Term("p", "cancelled", 0), False),
        (Term("p", "cancelled", 0, ends_at_ms=NOW_MS + 1), True),
        (Term("p", "not_renewed", 0, ends_at_ms=NOW_MS), False),
    ],
)
def test_a_term_runs_until_its_end(term: Term, runs: bool) -> None:  # noqa: FBT001 - a table's column
    assert term.runs(NOW_MS) is runs


def test_the_least_heard_of_contracts_make_room() -> None:
    several = [
        event(Contract, day, contract=f"k{day}", product="p", status="signed")
        for day in range(POLICY.terms_kept_max + 3)
    ]
    assert list(known_of(*several).dossier.terms) == [f"k{day}" for day in range(3, POLICY.terms_kept_max + 3)]


def statement(month: int, *, is_full: bool, closing_minor: int = 1000) -> Event:
    paid_minor = closing_minor if is_full else closing_minor // 10
    fields = {"card": "c", "closing_balance_minor": closing_minor, "paid_minor": paid_minor, "currency": "EUR"}
    period_ms = NOW_MS + month * 30 * DAY_MS
    return event(CardStatement, month, **fields, period_from_ms=period_ms - 30 * DAY_MS, period_to_ms=period_ms)


def used(day: float) -> Event:
    return event(CardTransaction, day, card="c", amount_minor=5_000, currency="EUR", merchant="m")


def test_who_pays_in_full_is_a_transactor_who_does_not_a_revolver_who_does_nothing_inactive() -> None:
    assert known_of().payer(NOW_MS) == "unknown"
    assert known_of(*(statement(month, is_full=True) for month in range(6))).payer(NOW_MS) == "transactor"
    assert known_of(*(statement(month, is_full=month > 0) for month in range(6))).payer(NOW_MS) == "transactor"
    assert known_of(*(statement(month, is_full=month > 1) for month in range(6))).payer(NOW_MS) == "revolver"
    once = known_of(used(0), statement(1, is_full=True))
    assert once.payer(NOW_MS + 180 * DAY_MS) == "transactor"
    assert once.payer(NOW_MS + 182 * DAY_MS) == "inactive"
    assert once.payer_before() == "transactor"


def test_a_statement_with_nothing_owed_says_nothing_about_how_the_customer_pays() -> None:
    revolver = [statement(month, is_full=False) for month in range(3)]
    unused = [statement(month, is_full=True, closing_minor=0) for month in range(3, 10)]
    assert known_of(*revolver, *unused).payer_before() == "revolver"


def test_a_period_is_paid_in_full_when_every_card_was_whichever_arrives_first() -> None:
    full = [statement(month, is_full=True) for month in range(2)]
    other_card = [statement(month, is_full=False) for month in range(2)]
    assert known_of(*full, *other_card).payer_before() == "revolver"
    assert known_of(*other_card, *full).payer_before() == "revolver"


def test_the_latest_use_of_each_thing_is_known_whatever_the_order() -> None:
    account = {"account": "a", "account_type": "savings", "amount_minor": 5, "currency": "EUR"}
    several = [
        used(3),
        used(1),
        event(AccountMovement, 4, **account, balance_after_minor=5, method="deposit"),
        event(AccountMovement, 5, **account, balance_after_minor=6, method="interest"),
        event(Usage, 6, product="course"),
        event(Usage, 7, product="course", quantity=0),
    ]
    days = {"c": 3, "card": 3, "a": 4, "savings": 4, "course": 6}
    assert known_of(*several).uses == {name: NOW_MS + day * DAY_MS for name, day in days.items()}
    many = [event(Usage, 20 - day, product=f"p{day}") for day in range(20)]
    assert set(known_of(*many).uses) == {f"p{day}" for day in range(POLICY.uses_kept_max)}


def test_the_value_is_the_profiles_else_the_margin_of_the_last_year() -> None:
    bought = event(Purchase, 0, product="p", category="c", amount_minor=10_000, currency="EUR")
    known = known_of(
        used(0), bought, contract(1, "signed", price_minor=10_000), contract(2, "cancelled", price_minor=5)
    )
    assert known.worth_minor() == 50 + 1_500 + 2_000
    known.dossier.value_minor = 7
    assert known.worth_minor() == 7
    years = known_of(*(used(31 * month) for month in range(30)))
    assert len(years.margins.counts) <= 12
    assert years.worth_minor() <= 13 * 50


def test_touches_are_counted_by_week_and_only_the_latest_kept() -> None:
    known = known_of(*(event(Interaction, day, kind="login") for day in range(200)))
    assert len(known.touches.counts) == 13
    assert known.touches_a_week(NOW_MS + 199 * DAY_MS) > 6
    assert known.touches_a_week(NOW_MS + 400 * DAY_MS) == 0
    assert known_of(event(Interaction, 0, kind="email_sent")).touches == Periods()
    assert known_of(event(Response, 0, action_id="a", kind="opened")).touches == Periods(NOW_MS // WEEK_MS, [1])


def test_a_response_tells_its_contact_and_only_ever_more() -> None:
    known = Facts()
    known.dossier.contacts = [
        Contact(NOW_MS, "t", name, decision=one) for name, one in (("loan_offer", "d1"), ("x", "d2"))
    ]
    for kind in ("opened", "delivered", "declined"):
        remember.remember_event(known, event(Response, 1, action_id="d1", kind=kind), POLICY)
    responses = [(one.response, one.responded_at_ms) for one in known.dossier.contacts]
    assert responses == [("declined", NOW_MS + DAY_MS), ("", -1)]


def test_offers_are_ignored_in_a_row_until_one_is_opened() -> None:
    week = timedelta(days=7)
    old = [Contact(NOW_MS - day * DAY_MS, "t", "a", response=said) for day, said in ((40, ""), (30, "opened"))]
    known = Facts()
    known.dossier.contacts = [*old, *(Contact(NOW_MS - day * DAY_MS, "t", "a") for day in (20, 9))]
    assert known.ignored_in_a_row(NOW_MS, week) == 2
    known.dossier.contacts.append(Contact(NOW_MS - 8 * DAY_MS, "t", "a", is_held_out=True))
    known.dossier.contacts.append(Contact(NOW_MS - DAY_MS, "t", "a"))
    assert known.ignored_in_a_row(NOW_MS, week) == 2, "neither who got nothing nor who still has time ignores"


def test_risks_fade_combine_and_share() -> None:
    known = Facts()
    remember.remember_signal(known, "balance_drop", 0.5, NOW_MS, POLICY)
    assert known.dossier.risk == 0.5
    remember.remember_signal(known, "lapsed", 0.4, NOW_MS + 45 * DAY_MS, POLICY)
    assert remember.risks(known, NOW_MS + 45 * DAY_MS, POLICY) == {"balance_drop": 0.25, "lapsed": 0.4}
    assert known.dossier.risk == pytest.approx(1 - 0.75 * 0.6)
    shares = remember.shares(remember.risks(known, NOW_MS + 45 * DAY_MS, POLICY))
    assert sum(shares.values()) == pytest.approx(known.dossier.risk)
    assert shares["lapsed"] > shares["balance_drop"]
    remember.remember_signal(known, "lapsed", 0.1, NOW_MS + 95 * DAY_MS, POLICY)
    assert set(known.dossier.signals) == {"lapsed"}, "what has faded is forgotten"
    assert remember.shares({}) == {}
