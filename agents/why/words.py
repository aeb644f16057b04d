"""A decision in words: what it says, what became of it and when. For the demo's page and for who asks why."""

from collections.abc import Sequence
from datetime import UTC, datetime

from streams.actions import Decision, Measure
from streams.events import Event, event_type_name
from streams.triggers.wording import money

NOT_TOLD = frozenset(("id", "customer", "at_ms", "position"))  # they stand beside it, or are known


def day(at_ms: int) -> str:
    """An instant as people write it, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%d %b %Y, %H:%M} UTC"


def headline(one: Decision) -> str:
    """What it is about."""
    return f"{day(one.event_at_ms)}, customer {one.customer}: {one.action}, {one.priority}."


def outcome(one: Decision) -> str:
    """What became of it at that time, and why, in a sentence."""
    when = day(one.decided_at_ms)
    if one.outcome == "held" and one.held_until_ms is not None:
        return f"{when}: held ({one.reason}) until {day(one.held_until_ms)} at the latest."
    if one.outcome == "failed":
        return f"{when}: the trigger broke ({one.reason})."
    if one.outcome == "shadow":
        would_be = f"would not have been ({one.reason})" if one.reason else "would have been"
        return f"{when}: not sent, the trigger runs in shadow; it {would_be}."
    if one.outcome != "sent":
        preferred = f", by {one.outranked_by}" if one.outranked_by else ""
        return f"{when}: not sent ({one.reason}{preferred})."
    offer = f" as {one.offer}" if one.offer else ""
    channel = f" by {one.channel}" if one.channel else ""
    return f"{when}: sent{offer}{channel}."


MEASURED = ("looked at", "value", "threshold")


def measures(one: Decision) -> list[tuple[str, str, str]]:
    """Values against thresholds, as rows under `MEASURED`."""
    return [(name, str(it.value), _threshold(it)) for name, it in one.measured.items()]


def subject(one: Decision) -> str:
    """The card, account or product that it is about."""
    return ", ".join(f"{name} {value}" for name, value in one.subject.items())


def entries(one: Decision) -> str:
    """The journal entries behind it, oldest first."""
    return ", ".join(f"{cause.position} ({cause.event})" for cause in one.causes)


def event(one: Event) -> str:
    """What happened, as in `card_transaction p2: card tok-1, amount 900.00 EUR, merchant jeweller`."""
    fields = {name: getattr(one, name) for name in one.__struct_fields__ if name not in NOT_TOLD}
    currency = fields.pop("currency", None)
    told = [_field(name, value, currency) for name, value in fields.items() if value not in (None, "", (), {})]
    name = f"{event_type_name(one)} {one.id}"
    return f"{name}: {', '.join(told)}" if told else name


def _field(name: str, value: object, currency: str | None) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if name.endswith("_ms") and isinstance(value, int):
        return f"{name.removesuffix('_ms').removesuffix('_at')} {day(value)}"
    if name.endswith("_minor") and isinstance(value, int) and currency is not None:
        return f"{name.removesuffix('_minor')} {money(value, currency)}"
    if isinstance(value, dict):
        value = listed([f"{key} ({kind})" for key, kind in value.items()])
    elif isinstance(value, list | tuple):
        value = listed([str(part) for part in value])
    return f"{name} {value}"


def listed(parts: Sequence[str]) -> str:
    """As in `a and b`, or `a, b and c`; `none` where there is nothing."""
    *first, last = parts or ("none",)
    return f"{', '.join(first)} and {last}" if first else last


def _threshold(measure: Measure) -> str:
    return "-" if measure.threshold is None else str(measure.threshold)
