"""What a partition number has to read: its partition of the journal, and a share of each source.

journal and changelog: partition n makes up number n; there are as many of both, and as many numbers
source topics: partition p, of however many there are, is in the share of number p % numbers
"""

from collections.abc import Collection, Sequence

from msgspec import Struct

from agents.unit_of_work import Place

GROWTH_SEEN_MS_MAX = 30_000  # a topic that gets more partitions is noticed by then; costs a request to a broker


class Shares(Struct, frozen=True):
    """How topics are shared out.

    Attributes:
        numbers: how many partition numbers there are.
        bound: journal and changelog; a number's partitions of both come together.
        topics: what is read, the journal too.
    """

    numbers: int
    bound: tuple[str, str]
    topics: tuple[str, ...]

    def number_of(self, place: Place) -> int:
        """In whose share it is."""
        return place.partition % self.numbers

    def held(self, assigned: Collection[Place]) -> dict[int, list[Place]]:
        """What is read for each number that came, sorted.

        Raises:
            NotSharedOut: something came without its number, or a number without something that it must have.
        """
        numbers = {place.partition for place in assigned if place.topic in self.bound}
        read = sorted(place for place in assigned if place.topic in self.topics)
        astray = [place for place in assigned if self.number_of(place) not in numbers]
        astray += [Place(topic, number) for topic in self.bound for number in numbers if number >= self.numbers]
        needed = [Place(topic, number) for topic in self.bound for number in numbers]
        if 0 in numbers:
            needed += [Place(topic, 0) for topic in self.topics]  # no topic is without a partition 0
        absent = [place for place in needed if place not in assigned]
        if astray or absent:
            raise NotSharedOut(astray, absent)
        return {number: [place for place in read if self.number_of(place) == number] for number in sorted(numbers)}


class NotSharedOut(Exception):  # noqa: N818 - it says what is the matter
    """An assignment that can't be worked with; names what came `astray`, and what is `absent`."""

    def __init__(self, astray: Sequence[Place], absent: Sequence[Place]) -> None:
        super().__init__(f"astray {_named(astray)}, missing {_named(absent)}")


def _named(places: Sequence[Place]) -> str:
    return ", ".join(f"{place.topic}/{place.partition}" for place in sorted(set(places))[:3]) or "nothing"
