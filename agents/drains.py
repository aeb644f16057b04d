"""The intake's tolls of dead letters, per source partition: kept as notes beside its positions."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

import msgspec
from msgspec import Struct

from agents import settings
from agents.unit_of_work import Fetched, Place
from streams.drain import Limits, Toll, TooManyDeadLetters, count

UNLIMITED = "unlimited"
_offset = attrgetter("offset")


class Told(Struct, frozen=True):
    """Where a source was about to be drained, for the one who is woken up. Nothing of the batch is committed.

    Attributes:
        offset: of the record that was one too many.
        seen: records of the window so far; `dead` of them are dead letters, the last `in_a_row` without a good one.
        reasons: of the dead letters in this batch.
    """

    topic: str
    partition: int
    offset: int
    in_a_row: int
    dead: int
    seen: int
    reasons: dict[str, int]


class Drained(Exception):  # noqa: N818 - it says what is the matter
    """Too many dead letters of one source partition."""

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self.told = told


def limits(said: str) -> Limits | None:
    """The limits that `BELLWETHER_DEADLETTERS` names; what isn't named has its default. None: any number is ordinary.

    Raises:
        SettingsError: it names something else.
    """
    if said.strip() == UNLIMITED:
        return None
    named = dict(part.strip().partition("=")[::2] for part in said.split(",") if part.strip())
    try:
        return msgspec.convert(named, Limits, strict=False)
    except msgspec.ValidationError as error:
        expected = f"expected as in in_a_row_max=100,ratio_max=0.5,window=1000, or {UNLIMITED}"
        raise settings.SettingsError(f"{settings.DEAD_LETTERS}: {error}; {expected}.") from error


def counted(
    limits: Limits,
    tolls: Mapping[Place, Toll],
    fetched: Mapping[Place, Sequence[Fetched]],
    dead: Mapping[Place, Mapping[int, str]],
) -> dict[Place, Toll]:
    """The tolls after a batch, of places where there is something to count. `dead`: reasons by offset, ascending.

    Raises:
        Drained: a limit is crossed.
    """
    places = [place for place in fetched if place in dead or place in tolls]
    return {place: _counted(limits, tolls.get(place, Toll()), (place, fetched[place]), dead) for place in places}


def noted(tolls: Mapping[Place, Toll]) -> dict[Place, str]:
    """Tolls as notes beside a position."""
    return {place: msgspec.json.encode(toll).decode() for place, toll in tolls.items()}


def recalled(notes: Mapping[Place, str]) -> dict[Place, Toll]:
    """Tolls from notes; one that is somebody else's counts for nothing."""
    return {place: toll for place, note in notes.items() if (toll := _decoded(note)) is not None}


def _counted(
    limits: Limits, toll: Toll, batch: tuple[Place, Sequence[Fetched]], dead: Mapping[Place, Mapping[int, str]]
) -> Toll:
    place, records = batch
    reasons = dead.get(place, {})
    try:
        return count(toll, len(records), [bisect_left(records, one, key=_offset) for one in reasons], limits)
    except TooManyDeadLetters as error:
        reached, several = error.toll, Counter(reasons.values())
        counts = (records[error.index].offset, reached.in_a_row, reached.dead, reached.seen)
        raise Drained(Told(place.topic, place.partition, *counts, dict(several.most_common()))) from error


def _decoded(note: str) -> Toll | None:
    try:
        return msgspec.json.decode(note, type=Toll)
    except msgspec.MsgspecError:
        return None
