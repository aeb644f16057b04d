"""The limits that hold across triggers: when a customer may be contacted, with which offer, and what is remembered.

Every duration is ISO 8601 in the file. Money is in minor units of the company's own currency.
"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

CLOCK = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
Share = Annotated[float, Meta(ge=0, le=1)]


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True):
    """From when and until when nobody is contacted, by the customer's own clock; the same time twice: never quiet."""

    begin: Annotated[str, Meta(pattern=CLOCK)] = "21:00"
    end: Annotated[str, Meta(pattern=CLOCK)] = "08:00"


class Caps(Struct, frozen=True, forbid_unknown_fields=True):
    """The most offers to one customer in a calendar day, week (from Monday) and month of the customer's own zone."""

    day: Annotated[int, Meta(ge=0, le=100)] = 1
    week: Annotated[int, Meta(ge=0, le=100)] = 2
    month: Annotated[int, Meta(ge=0, le=100)] = 4


class Cadence(Struct, frozen=True, forbid_unknown_fields=True):
    """The least time between two offers follows how often a customer opens and visits.

    Attributes:
        gap_min: for who is there every day.
        gap_max: for who is never there.
        ignored_after: an offer without an answer by then counts as ignored.
        ignored_max: from so many ignored in a row on, the gap is `gap_max`.
    """

    gap_min: timedelta = timedelta(days=3)
    gap_max: timedelta = timedelta(days=30)
    ignored_after: timedelta = timedelta(days=7)
    ignored_max: Annotated[int, Meta(ge=1, le=16)] = 3


class Offer(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to carry out an action.

    Attributes:
        acceptance: how often it is accepted, 0 to 1, by segment.
        cost_minor: what it costs us when it is accepted.
    """

    acceptance: dict[str, Share] = {}
    cost_minor: Annotated[int, Meta(ge=0)] = 0


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """How many actions a trigger may send in an hour, in one partition of the journal.

    Attributes:
        floor: so many in any case.
        factor: and so many times as many as in the busiest hour of the last days.
    """

    floor: Annotated[int, Meta(ge=1)]
    factor: Annotated[float, Meta(ge=1)]


class RunawayGuard(Struct, frozen=True, forbid_unknown_fields=True):
    """When a trigger counts as running away, by the purpose of its actions, and is held.

    Attributes:
        days_kept: how far back the busiest hour is looked for.
        free_for: how long a released trigger may send what it likes.
    """

    offer: Limit = Limit(2_000, 4)
    care: Limit = Limit(500, 4)
    fraud: Limit = Limit(5_000, 8)
    service: Limit = Limit(20_000, 8)
    days_kept: Annotated[int, Meta(ge=1, le=64)] = 35
    free_for: timedelta = timedelta(days=1)


Kept = Annotated[int, Meta(ge=1, le=64)]
SEGMENTS = {"high": 100_000, "medium": 20_000}
MARGINS = {"card_transaction": 1, "contract": 20, "purchase": 15}
OFFERS = {
    "loan_offer": {
        "car_loan": Offer({"high": 0.10, "medium": 0.08}, 2_000),
        "home_improvement_loan": Offer({"high": 0.12, "medium": 0.05}, 2_000),
    },
    "renewal_offer": {
        "one_step_renewal": Offer({"high": 0.4, "medium": 0.35, "other": 0.3}),
        "renewal_with_gift": Offer({"high": 0.5, "medium": 0.4, "other": 0.32}, 2_500),
    },
    "win_back_offer": {
        "three_months_half_price": Offer({"high": 0.12, "medium": 0.1, "other": 0.06}, 1_500),
        "come_back_credit": Offer({"high": 0.15, "medium": 0.08, "other": 0.04}, 3_000),
    },
}


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that hold across triggers."""

    cool_down: Annotated[
        timedelta, Meta(description="least time between two offers of one trigger to one customer")
    ] = timedelta(days=14)
    collect_for: Annotated[
        timedelta, Meta(description="how long offers to one customer are collected before the best is chosen")
    ] = timedelta(minutes=30)
    quiet_hours: Annotated[QuietHours, Meta(description="when nobody is contacted, by the customer's own clock")] = (
        QuietHours()
    )
    time_zone: Annotated[str, Meta(description="IANA zone of customers whose profile names none")] = "UTC"
    caps: Annotated[Caps, Meta(description="most offers by calendar day, week and month")] = Caps()
    cadence: Annotated[Cadence, Meta(description="least time between two offers, by the customer's own habits")] = (
        Cadence()
    )
    declined_rest: Annotated[timedelta, Meta(description="how long an offer rests that was declined")] = timedelta(
        days=90
    )
    hold_out_percent: Annotated[
        int, Meta(ge=0, le=50, description="customers of each trigger who get nothing, to compare with")
    ] = 5
    fraud_check_open_max: Annotated[
        timedelta, Meta(description="how long an unanswered fraud check holds offers back")
    ] = timedelta(days=7)
    offers_pause_after_fraud: Annotated[timedelta, Meta(description="how long offers rest after a confirmed fraud")] = (
        timedelta(days=30)
    )
    offers_pause_after_feedback: Annotated[
        timedelta, Meta(description="how long offers rest after negative feedback")
    ] = timedelta(days=30)
    complaint_open_max: Annotated[timedelta, Meta(description="how long an open complaint holds offers back")] = (
        timedelta(days=30)
    )
    complaint_rest: Annotated[
        timedelta, Meta(description="how long offers are held back after a complaint was resolved")
    ] = timedelta(days=7)
    held_max: Annotated[timedelta, Meta(description="how long an offer may be held, from the first time on")] = (
        timedelta(days=45)
    )
    segments: Annotated[
        dict[str, int], Meta(description="segments by the least yearly value, in minor units; below all of them: other")
    ] = field(default_factory=lambda: dict(SEGMENTS))
    offers: Annotated[dict[str, dict[str, Offer]], Meta(description="the offers of each action, by name")] = field(
        default_factory=lambda: dict(OFFERS)
    )
    acceptance_default: Annotated[
        float, Meta(ge=0, le=1, description="acceptance of an offer for which nothing is said")
    ] = 0.05
    margin_percent: Annotated[
        dict[str, int],
        Meta(description="margin of what a customer pays, by event type; the value of who has none in the profile"),
    ] = field(default_factory=lambda: dict(MARGINS))
    risk_fades_over: Annotated[timedelta, Meta(description="after how long a signal no longer adds to the risk")] = (
        timedelta(days=90)
    )
    held_kept_max: Annotated[Kept, Meta(description="held offers remembered for a customer")] = 8
    contacts_kept_max: Annotated[int, Meta(ge=1, le=256, description="contacts remembered for a customer")] = 16
    fraud_checks_kept_max: Annotated[Kept, Meta(description="fraud checks remembered for a customer")] = 8
    complaints_kept_max: Annotated[Kept, Meta(description="complaints, and resolutions, remembered")] = 4
    terms_kept_max: Annotated[Kept, Meta(description="contracts remembered for a customer")] = 8
    uses_kept_max: Annotated[Kept, Meta(description="cards, accounts and products whose latest use is remembered")] = 16
    event_ids_kept_max: Annotated[
        int, Meta(ge=0, le=1024, description="latest events of a customer that a repeat is recognised among")
    ] = 16
    runaway: Annotated[
        RunawayGuard, Meta(description="how many actions of a trigger in an hour, by purpose, before it is held")
    ] = RunawayGuard()
    due_per_tick_max: Annotated[
        int, Meta(ge=1, le=100_000, description="customers of a partition whose due times one tick fires at most")
    ] = 1000
