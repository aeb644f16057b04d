"""When the generated data plays: thirty calendar months from a fixed day, the same for every seed.

Long enough for a yearly habit that is missed in its third year, and for a leap day.
"""

from datetime import UTC, datetime

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MONTHS = 30
FIRST_YEAR = 2024
MONTH_STARTS_MS: tuple[int, ...] = tuple(
    int(datetime(FIRST_YEAR + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000
    for month in range(MONTHS + 1)
)
START_MS = MONTH_STARTS_MS[0]
END_MS = MONTH_STARTS_MS[MONTHS]
# Plants lie inside these days: late enough that a customer's habits are known, and early enough that every waiting
# time they start ends 45 days before the data do.
CARD_PLANT_DAYS = (90, 366)
DROP_PLANT_DAYS = (150, 366)


def date_ms(year: int, month: int, day: int) -> int:
    """The start of a date in UTC, as ms since the epoch."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


def day_ms(day: int) -> int:
    """The start of a day, counted from 0, as ms since the epoch."""
    return START_MS + day * DAY_MS
