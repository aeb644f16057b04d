"""From keys to the arguments of the script: the current state of each, described."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Literal

import structlog

from streams.view import View

Describe = Callable[[str, bytes], View]
_DESCRIBED_PER_TURN = 16  # then the event loop has its turn: decisions come first
Field = int | str | float | Literal[False]
_GONE: tuple[Field, ...] = (False, "", False)
_log = structlog.get_logger(__name__)


async def draft(
    keys: Iterable[bytes], customers: Mapping[bytes, bytes], describe: Describe
) -> tuple[list[bytes], list[Field]]:
    """Keys and, for each, position, document and rank. Who is gone comes first: that frees memory in a full Redis."""
    gone, present = [], []
    fields: list[Field] = []
    failures: list[str] = []
    for count, key in enumerate(keys, start=1):
        blob = customers.get(key)
        if blob is None:
            gone.append(key)
            continue
        try:
            view = describe(key.decode(), blob)
        except Exception as error:  # noqa: BLE001 - one customer who can't be shown must not hide all others
            failures.append(type(error).__name__)
            continue
        present.append(key)
        fields += (view.position, view.document.decode(), _rank(view.rank))
        if count % _DESCRIBED_PER_TURN == 0:
            await asyncio.sleep(0)
    if failures:
        _log.error("views_not_described", views=len(failures), errors=sorted(set(failures)))
    return gone + present, [*_GONE * len(gone), *fields]


def _rank(rank: float | None) -> float | Literal[False]:
    """Redis refuses what isn't a number, and with it the whole chunk."""
    return rank if rank is not None and isfinite(rank) else False
