"""CPU per event of the decide stage with more and more of the triggers switched on."""

from collections.abc import Sequence

import msgspec

from agents import config_files, settings
from bench import core, data
from streams import config
from streams.config import Config

STEP = 3


def rules() -> dict[str, Config]:
    """The shipped rules with the first three triggers, the first six, and so on up to all, by name."""
    shipped = msgspec.json.decode(config.encode(config_files.load(settings.PACKAGED_CONFIG)))
    names = list(shipped["triggers"])
    counts = [*range(0, len(names), STEP), len(names)]
    return {f"{count} triggers": _with(shipped, names[:count]) for count in counts}


def _with(shipped: dict[str, dict[str, object]], names: Sequence[str]) -> Config:
    return config.build(shipped | {"triggers": {name: shipped["triggers"][name] for name in names}})


def measure(events: int, repeats: int, seed: int) -> list[core.Row]:
    """All sets of rules in turn, so many times, over the same generated events."""
    known = rules()
    prepared = data.prepare(data.source_records(events, None, seed), known)
    rows = core.measure(prepared, repeats, next(reversed(known))).rows
    return [row for row in rows if row.part.startswith("decide")]
