"""A trigger that raises on a marker, in the workers and in the oracle alike: its failure must be recorded, always."""

from collections.abc import Iterator
from typing import Any

import msgspec

from streams.trigger import Candidate, Rule, load

TRIGGER = "card_testing"
ONE_IN = 499  # journal positions: the same entries in every process, whatever is killed


class Raised:
    """How often the trigger raised in this process."""

    count = 0


def install() -> type[Raised]:
    """Make the trigger raise at marked positions of the journal."""
    one = load()[TRIGGER]
    load()[TRIGGER] = msgspec.structs.replace(one, rule=_raising(one.rule))
    return Raised


def _raising(rule: Rule) -> Rule:
    def marked(entry: Any, *others: Any) -> Iterator[Candidate]:
        if getattr(entry, "position", 1) % ONE_IN == 0:
            Raised.count += 1
            raise ArithmeticError("planted by the fault suite")
        yield from rule(entry, *others)

    return marked
