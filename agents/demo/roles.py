"""Every role a made-up customer may have: in which industry, and what is planted for it.

Roles are dealt out in turn, so that the number of each kind of plant follows from the number of customers alone.
"""

import importlib
import pkgutil

from agents.demo import plants
from agents.demo.plan import Plan, Role

PLAIN_COUNT = 12


def nothing(_: Plan) -> None:
    """Everyday life only."""


def _planted() -> tuple[Role, ...]:
    modules = sorted(info.name for info in pkgutil.iter_modules(plants.__path__))
    return tuple(role for name in modules for role in importlib.import_module(f"{plants.__name__}.{name}").ROLES)


ROLES: tuple[Role, ...] = (*_planted(), *(Role("plain", "bank", nothing),) * PLAIN_COUNT)
