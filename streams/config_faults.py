"""What a config can't mean though each value alone is of the right kind: unknown names, times that run backwards.

Asked of a new version only: what is in the journal was good enough when it was put there, and a stricter release must
still read it.
"""

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from streams.actions import ACTIONS
from streams.calendar import is_known, zone_names
from streams.competition import OTHER
from streams.events import EVENT_TYPES, event_type_name
from streams.policy import Policy

Fault = tuple[str, str]


def faults(policy: Policy) -> Iterator[Fault]:
    """Each fault of a policy: the path below it, and what was expected."""
    yield from negative_durations(policy)
    if not is_known(policy.time_zone):
        yield "time_zone", f"Expected an IANA time zone, as in Europe/Berlin{_nearest(policy.time_zone, zone_names())}"
    if policy.cadence.gap_min > policy.cadence.gap_max:
        yield "cadence", "Expected `gap_min` <= `gap_max`"
    offered = [name for name, action in ACTIONS.items() if action.is_offer]
    segments = [*policy.segments, OTHER]
    for action, offers in policy.offers.items():
        if action not in offered:
            yield f"offers.{action}", f"Expected an action that is an offer{_nearest(action, offered)}"
        for name, offer in offers.items():
            for segment in offer.acceptance:
                if segment not in segments:
                    where = f"offers.{action}.{name}.acceptance.{segment}"
                    yield where, f"Expected one of the `segments`, or `{OTHER}`{_nearest(segment, segments)}"
    types = [event_type_name(kind) for kind in EVENT_TYPES]
    for kind in policy.margin_percent:
        if kind not in types:
            yield f"margin_percent.{kind}", f"Expected a type of event{_nearest(kind, types)}"


def negative_durations(settings: Any, path: str = "") -> Iterator[Fault]:
    """Each duration below these settings that is less than none."""
    if isinstance(settings, timedelta):
        if settings < timedelta():
            yield path, "Expected a `duration` that isn't negative"
    elif isinstance(settings, Struct):
        for name in settings.__struct_fields__:
            yield from negative_durations(getattr(settings, name), f"{path}.{name}".lstrip("."))
    elif isinstance(settings, dict):
        for name, value in settings.items():
            yield from negative_durations(value, f"{path}.{name}")


def _nearest(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
