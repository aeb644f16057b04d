"""The invariants, each as a sentence, with what speaks for or against it."""

from collections import Counter
from datetime import UTC, datetime

from agents.audit.findings import Check, Findings, check
from agents.audit.metrics import Key, differences
from agents.audit.tallies import Tallies
from agents.unit_of_work import Place
from streams import topics

MS_PER_SECOND = 1000


def checks(tallies: Tallies) -> list[Check]:
    """Every invariant that the log can show."""
    made = (_no_loss, _once, _state, _order, _clean_log, _accounting, _bounds, _privacy)
    return [one(tallies) for one in made]


def _no_loss(tallies: Tallies) -> Check:
    sources, outputs = tallies.sources, tallies.outputs
    return check(
        ("I1", "nothing lost"),
        "Every source record is one journal entry or one dead letter, or both by a marked replay; decisions and "
        "actions are what the journal leads to, byte for byte.",
        {
            "source_records": sources.read,
            "journal_events": sources.events,
            "dead_letters": sources.letters.total(),
            "replayed": sources.replayed,
            **{topic.replace("-", "_"): count for topic, count in sorted(outputs.published.items())},
        },
        _together(tallies.journal_starts, sources.problems, outputs.content),
        [
            *_if(sources.gone, "source records can no longer be checked: removed by their topic's retention"),
            *_if(outputs.removed, "decisions and actions can no longer be checked: removed by their topic's retention"),
        ],
    )


def _once(tallies: Tallies) -> Check:
    outputs = tallies.outputs
    return check(
        ("I2", "each id once"),
        "No decision or action is in its topic twice; who reads uncommitted records and deduplicates by id gets the "
        "same ones.",
        {"ids": sum(map(len, outputs.ids.values())), "read_uncommitted": outputs.uncommitted},
        outputs.repeats,
    )


def _state(tallies: Tallies) -> Check:
    states = tallies.states
    return check(
        ("I3", "state"),
        "Every customer's state in the changelog is the one that the journal leads to, byte for byte.",
        {"customers": states.customers, "records": states.records},
        states.equality,
    )


def _order(tallies: Tallies) -> Check:
    return check(
        ("I4", "order"),
        "In each partition, and so for each customer, decisions and actions are in the journal's order.",
        {"decisions": tallies.outputs.published[topics.DECISIONS.name]},
        tallies.outputs.order,
    )


def _clean_log(tallies: Tallies) -> Check:
    hidden = Findings()
    for place, count in tallies.moment.hidden.items():
        hidden.add(f"an open transaction hides {count} offsets: {_where(place)}")
    return check(
        ("I5", "clean log"),
        "The workers have read everything, and no transaction is left open.",
        {
            "unread_source_records": tallies.sources.unread,
            "unread_entries": tallies.undecided.count,
            "open_transactions": hidden.count,
        },
        _together(_unread_sources(tallies), tallies.undecided, hidden),
        _if(tallies.ticks_ahead, "ticks at the journal's end are yet to be applied: they go on for ever"),
    )


def _unread_sources(tallies: Tallies) -> Findings:
    found = Findings()
    if tallies.sources.unread:
        found.add(f"{tallies.sources.unread} source records are unread")
    return found


def _accounting(tallies: Tallies) -> Check:
    sources, entries = tallies.sources, tallies.entries
    waiting = sources.events - entries["event"]
    taken_in = sources.read - sources.lost - sources.unread + sources.gone + sources.unknown + sources.again
    found = Findings()
    if taken_in != sources.events + sources.letters.total() - sources.replayed:
        found.add(f"{taken_in} taken in, but {sources.events} entries and {sources.letters.total()} dead letters")
    counters, notes = _counters(tallies)
    for difference in counters:
        found.add(difference)
    return check(
        ("I6", "accounting"),
        "Source records = journal events + dead letters - replayed; journal events = decided + repeated + forgotten.",
        {
            "journal_events": sources.events,
            "decided": entries["event"] - tallies.repeated - tallies.forgotten,
            "repeated": tallies.repeated,
            "forgotten": tallies.forgotten,
            "waiting": waiting,
            **{f"entries_{kind}": count for kind, count in sorted(entries.items())},
            **{f"dead_{reason}": count for reason, count in sorted(sources.letters.items())},
        },
        _together(sources.reasons, found),
        notes,
    )


def _counters(tallies: Tallies) -> tuple[list[str], list[str]]:
    """Where the workers' counters differ, and why they weren't compared."""
    scraped = tallies.moment.scraped
    if scraped is None:
        return [], ["the workers' counters weren't asked for (--metrics)"]
    if scraped.started_at_ms > tallies.first_event_at_ms:
        began = datetime.fromtimestamp(scraped.started_at_ms / MS_PER_SECOND, UTC)
        since = f"one started at {began:%H:%M:%S} UTC on {began:%d %B}, after the first event was journaled"
        return [], [f"the workers' counters can't be compared: {since}"]
    if not tallies.moment.is_quiet:
        return [], ["the workers' counters can't be compared while something is under way"]
    return differences(scraped, _on_the_log(tallies)), []


def _on_the_log(tallies: Tallies) -> Counter[Key]:
    """What the counters should say. Ticks and config versions may have been applied by earlier workers."""
    sources = tallies.sources
    found: Counter[Key] = Counter()
    found["records_total", "journaled"] = sources.events - sources.replayed
    found["records_total", "dead"] = sources.letters.total()
    found["journal_entries_total", "event"] = tallies.entries["event"]
    for reason, count in sources.letters.items():
        found["dead_letters_total", reason] = count
    for key, count in tallies.decisions.items():
        found["decisions_total", *key] = count
    return found


def _bounds(tallies: Tallies) -> Check:
    states = tallies.states
    return check(
        ("I7", "bounds"),
        "No state is larger than a record may be, no list in it longer than the rules allow.",
        {"largest_state_bytes": states.blob_bytes_max, "longest_list": states.longest},
        states.size,
        _if(tallies.ticks_back, "ticks weren't later than the one before; those are ignored"),
    )


def _privacy(tallies: Tallies) -> Check:
    notes = [] if tallies.privacy.canaries else ["no canaries were given (--privacy-canaries)"]
    return check(
        ("I8", "privacy"),
        "No card number, and no canary, is in a journal entry, a state, a decision, an action or a dead letter.",
        {"records": tallies.privacy.records},
        tallies.privacy.found,
        notes,
    )


def _together(*some: Findings) -> Findings:
    told = [text for one in some for text in one.told]
    return Findings(sum(one.count for one in some), told)


def _if(count: int, what: str) -> list[str]:
    return [f"{count} {what}"] if count else []


def _where(place: Place) -> str:
    return f"{place.topic}, partition {place.partition}"
