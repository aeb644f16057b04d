"""What is remembered of who may stop coming: the last activity in each line, what went wrong, what got better."""

from collections.abc import Collection

from msgspec import Struct

from streams.events import Cause, Caused
from streams.facts import Facts, Term

ENDED = ("cancelled", "not_renewed")


class Mark(Caused, Struct, array_like=True):
    """Something that was said about a subject; an empty subject is anything."""

    at_ms: int
    subject: str
    event: str
    position: int


class Line(Caused, Struct, array_like=True):
    """A line of business, such as cards, that the customer used.

    Attributes:
        product: what was used last: the card's token, the product's name.
        at_ms: when; `event` and `position` are the event that says so.
        is_term_told: whether it was told of this absence that a term runs.
        awaits: whether the customer lapsed after a problem, and news of an improvement would be worth telling.
    """

    name: str
    product: str = ""
    at_ms: int = -1
    event: str = ""
    position: int = -1
    due_ms: int | None = None
    is_term_told: bool = False
    awaits: bool = False

    def use(self, product: str, at_ms: int, cause: Cause) -> bool:
        """Take down an activity; whether it is the latest, and so ends an absence."""
        if (at_ms, cause.event) <= (self.at_ms, self.event):
            return False
        self.product, self.at_ms, self.event, self.position = product, at_ms, cause.event, cause.position
        self.is_term_told = self.awaits = False
        return True


def put_mark(marks: list[Mark], mark: Mark, kept_max: int) -> list[Mark]:
    """The latest marks with this one, oldest first; a repeat changes nothing."""
    others = [one for one in marks if one.event != mark.event]
    if len(others) < len(marks):
        return marks
    return sorted([*others, mark], key=lambda one: (one.at_ms, one.event))[-kept_max:]


def closing(names: Collection[str], customer: Facts, now_ms: int) -> Term | None:
    """The word that closed a contract of one of these names or products, unless another one of them runs."""
    own = [term for name, term in customer.dossier.terms.items() if name in names or term.product in names]
    if any(term.runs(now_ms) for term in own):
        return None
    return max((term for term in own if term.status in ENDED), key=lambda term: (term.at_ms, term.event), default=None)


def ended_ms(term: Term) -> int:
    """When a term that no longer runs came to its end."""
    return term.at_ms if term.ends_at_ms is None else term.ends_at_ms
