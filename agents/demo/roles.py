"""Every role a made-up customer may have: in which industry, and what is planted for it.

Roles are dealt out in turn, so that the number of each kind of plant follows from the number of customers alone. Each
kind is spread evenly over the turn: few customers are a fair sample, too.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from fractions import Fraction

from agents.demo import plants
from agents.demo.plan import Plan, Role

PLAIN_COUNT = 12


def nothing(_: Plan) -> None:
    """Everyday life only."""


def _planted() -> Iterator[tuple[Role, ...]]:
    for name in sorted(info.name for info in pkgutil.iter_modules(plants.__path__)):
        yield importlib.import_module(f"{plants.__name__}.{name}").ROLES


def _spread(kinds: Iterable[tuple[Role, ...]]) -> Iterator[Role]:
    placed = [
        (Fraction(2 * number + 1, 2 * len(kind)), place, role)
        for place, kind in enumerate(kinds)
        for number, role in enumerate(kind)
    ]
    for _, _, role in sorted(placed, key=lambda one: one[:2]):
        yield role


ROLES: tuple[Role, ...] = tuple(_spread((*_planted(), (Role("plain", "bank", nothing),) * PLAIN_COUNT)))
