"""The workers' counters, held against the log. They start at nought with each worker, so a restart voids them."""

from collections import Counter
from collections.abc import Sequence

import aiohttp
from msgspec import Struct, field
from prometheus_client.parser import text_string_to_metric_families

from agents.metrics import PREFIX

SCRAPE_SECONDS_MAX = 10.0
Key = tuple[str, ...]
# What is compared: the counter's name, and which of its labels.
COUNTERS: dict[str, tuple[str, ...]] = {
    "records_total": ("outcome",),
    "dead_letters_total": ("reason",),
    "journal_entries_total": ("kind",),
    "decisions_total": ("trigger", "outcome"),
}


class ScrapeError(Exception):
    """Metrics that can't be had; the message names the address."""


class Scraped(Struct):
    """Counters of all workers together, and when the youngest of them started."""

    started_at_ms: float = 0.0
    counters: Counter[Key] = field(default_factory=Counter)


async def scrape(addresses: Sequence[str]) -> Scraped | None:
    """Ask each worker; None if there is none to ask.

    Raises:
        ScrapeError: one doesn't answer with metrics.
    """
    found = Scraped()
    timeout = aiohttp.ClientTimeout(total=SCRAPE_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:
        for address in addresses:
            try:
                async with session.get(_page(address)) as answer:
                    _add(found, await answer.text())
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise ScrapeError(f"No metrics at {address} ({type(error).__name__}).") from error
    return found if addresses else None


def differences(scraped: Scraped, log: Counter[Key]) -> list[str]:
    """Where counters and log differ. Of entries only events: others may have come before the workers, or go on."""
    return [
        f"{' '.join(key)}: {scraped.counters[key]} counted, {log[key]} on the log"
        for key in sorted(scraped.counters.keys() | log.keys())
        if scraped.counters[key] != log[key] and not (key[0] == "journal_entries_total" and key[1] != "event")
    ]


def _page(address: str) -> str:
    return f"{address.rstrip('/').removesuffix('/metrics')}/metrics"


def _add(found: Scraped, page: str) -> None:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = COUNTERS.get(sample.name.removeprefix(PREFIX))
            if sample.name == "process_start_time_seconds":
                found.started_at_ms = max(found.started_at_ms, sample.value * 1000)
            elif labels is not None:
                key = (sample.name.removeprefix(PREFIX), *(sample.labels[label] for label in labels))
                found.counters[key] += int(sample.value)
