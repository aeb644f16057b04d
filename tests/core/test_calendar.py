"""A customer's own calendar: zones, nights, month ends, leap days, the hours that daylight saving adds and takes."""

from datetime import UTC, datetime, time
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.calendar import Period, add_months, is_known, local, period_ms, quiet_until_ms, zone

HOUR_MS = 3_600_000
BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"
INSTANTS = st.integers(0, 4_102_444_800_000)
ZONES = st.sampled_from([BERLIN, TOKYO, "America/New_York", "Australia/Lord_Howe", "UTC", "no such zone"])


def at(text: str) -> int:
    """An instant, from ISO 8601; UTC where it names no offset."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1000


def test_zones_come_from_the_pinned_package_and_unknown_ones_are_utc() -> None:
    assert zone(BERLIN).key == BERLIN
    assert zone("Berlin").key == zone("").key == zone("../../etc/passwd").key == "UTC"
    assert is_known(TOKYO)
    assert not is_known("")
    assert all(is_known(name) for name in available_timezones() - {"localtime"})


@pytest.mark.parametrize(
    ("instant", "period", "begins", "ends"),
    [
        ("2026-03-29T12:00", "day", "2026-03-28T23:00", "2026-03-29T22:00"),  # an hour short
        ("2026-10-25T12:00", "day", "2026-10-24T22:00", "2026-10-25T23:00"),  # an hour long
        ("2026-01-01T10:00", "week", "2025-12-28T23:00", "2026-01-04T23:00"),
        ("2024-02-29T23:30", "month", "2024-02-29T23:00", "2024-03-31T22:00"),  # March there already
    ],
)
def test_periods_are_the_calendars_in_the_customers_zone(instant: str, period: Period, begins: str, ends: str) -> None:
    assert period_ms(at(instant), BERLIN, period) == (at(begins), at(ends))


@given(INSTANTS, ZONES, st.sampled_from(["day", "week", "month"]))
def test_an_instant_is_in_its_period_and_the_next_one_begins_where_it_ends(
    at_ms: int, name: str, period: Period
) -> None:
    begins_ms, ends_ms = period_ms(at_ms, name, period)
    assert begins_ms <= at_ms < ends_ms
    assert period_ms(ends_ms, name, period)[0] == ends_ms
    assert period_ms(begins_ms, name, period) == (begins_ms, ends_ms)


@pytest.mark.parametrize(
    ("instant", "name", "until"),
    [
        ("2026-06-01T21:30+02:00", BERLIN, "2026-06-02T08:00+02:00"),
        ("2026-06-02T07:59+02:00", BERLIN, "2026-06-02T08:00+02:00"),
        ("2026-06-02T08:00+02:00", BERLIN, None),
        ("2026-06-01T20:59+02:00", BERLIN, None),
        ("2026-06-01T12:30", TOKYO, "2026-06-01T23:00"),
        ("2026-03-28T22:00+01:00", BERLIN, "2026-03-29T08:00+02:00"),  # a short night
        ("2026-10-24T22:00+02:00", BERLIN, "2026-10-25T08:00+01:00"),  # a long one
    ],
)
def test_quiet_hours_end_by_the_customers_clock(instant: str, name: str, until: str | None) -> None:
    assert quiet_until_ms(at(instant), name, time(21), time(8)) == (at(until) if until else None)


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    assert quiet_until_ms(at("2026-06-01T13:00"), "UTC", time(12), time(14)) == at("2026-06-01T14:00")
    assert quiet_until_ms(at("2026-06-01T14:00"), "UTC", time(12), time(14)) is None
    assert quiet_until_ms(at("2026-06-01T00:00"), "UTC", time(0), time(0)) is None


@pytest.mark.parametrize(
    ("begins", "months", "ends"),
    [
        ("2025-08-31T10:00", 6, "2026-02-28T10:00"),
        ("2023-08-31T10:00", 6, "2024-02-29T10:00"),
        ("2024-02-29T10:00", 12, "2025-02-28T10:00"),
        ("2026-03-31T10:00", -1, "2026-02-28T10:00"),
        ("2025-12-15T10:00", 1, "2026-01-15T10:00"),
        ("2026-02-28T09:00", 0, "2026-02-28T09:00"),
    ],
)
def test_months_later_is_the_same_day_or_the_last_of_the_month(begins: str, months: int, ends: str) -> None:
    assert add_months(at(begins), months) == at(ends)


def test_a_month_later_is_the_same_clock_across_daylight_saving() -> None:
    later_ms = add_months(at("2026-03-10T09:00+01:00"), 1, BERLIN)
    assert local(later_ms, BERLIN).isoformat() == "2026-04-10T09:00:00+02:00"
    assert later_ms - at("2026-03-10T09:00+01:00") == 31 * 24 * HOUR_MS - HOUR_MS
