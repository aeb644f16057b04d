"""A customer's story as a person reads it."""

from collections.abc import Iterator
from typing import Any

import msgspec

from agents.why import words
from agents.why.customer import Known, Moment, Story
from agents.why.explained import Row, Section, answers
from streams import topics
from streams.events import Event


def sections(story: Story, last: int) -> Iterator[Section]:
    """The whole story; of its timeline the `last` moments, all for 0."""
    place = f"{topics.JOURNAL.name}, partition {story.partition}, up to offset {story.position}"
    version = f"rules of version {story.config_version}" if story.config_version else "no rules yet"
    yield Section("", [f"Customer {story.customer}, as of {words.day(story.now_ms)} ({place}; {version})."])
    yield _timeline(story, last)
    yield Section("What is known", list(_known(story.known)) if story.known else ["Nothing is stored."])
    yield Section("Considered and not sent", [], ("decision", "when", "what", "why not"), _not_sent(story))
    yield Section("Waiting", [], ("what", "for", "until at the latest"), _waiting(story))
    asked = [row for one in story.waiting if one.asked is not None for row in answers(one.asked)]
    yield Section("What the arbiter last asked about it", [], ("when", "entry", "asked", "answer"), asked)


def _timeline(story: Story, last: int) -> Section:
    shown = story.timeline[-last:] if last else story.timeline
    earlier = len(story.timeline) - len(shown)
    lines = [f"{earlier} earlier: --last 0 shows all."] if earlier else []
    return Section("What happened", lines, ("offset", "when", "what"), [_moment(one) for one in shown])


def _moment(one: Moment) -> Row:
    if one.decision is not None:
        _, _, became = words.outcome(one.decision).partition(": ")
        return one.position, words.day(one.at_ms), f"-> {one.decision.action} of {one.decision.trigger}: {became}"
    what = words.event(one.entry) if isinstance(one.entry, Event) else f"request to forget ({one.entry['request']})"
    return one.position, words.day(one.at_ms), what


def _known(known: Known) -> Iterator[str]:
    facts: dict[str, Any] = msgspec.json.decode(known.view)["facts"]
    if facts["profile_at_ms"] >= 0:
        where = facts["time_zone"] or "zone unknown"
        reached, agreed = words.listed(facts["channels"]), words.listed(facts["consents"])
        yield f"Profile of {words.day(facts['profile_at_ms'])}: {where}; channels {reached}; consent to {agreed}."
    else:
        yield "No profile: no channel and no consent is known."
    yield f"Worth {known.worth_minor} a year (minor units)."
    if known.risks:
        yield f"Risk by signal: {words.listed([f'{name} {risk:.3f}' for name, risk in known.risks.items()])}."
    if known.complaint is not None:
        about = f" about {known.complaint.subject}" if known.complaint.subject else ""
        yield f"A complaint{about} is open since {words.day(known.complaint.at_ms)}: offers wait."
    if known.fraud_check is not None:
        check = known.fraud_check
        yield f"A fraud check ({check.transaction}) is open since {words.day(check.opened_at_ms)}: offers wait."
    if known.paused_until_ms is not None:
        yield f"Offers are paused until {words.day(known.paused_until_ms)}."
    for name, term in known.terms.items():
        ends = f", ends {words.day(term['ends_at_ms'])}" if term["ends_at_ms"] is not None else ""
        yield f"Contract {name} ({term['product']}) runs{ends}."
    for contact in facts["contacts"]:
        yield _contact(contact)
    for trigger, due_ms in sorted(known.due.items(), key=lambda one: one[1]):
        yield f"{trigger} looks again at {words.day(due_ms)}."


def _contact(contact: dict[str, Any]) -> str:
    offer = f" as {contact['offer']}" if contact["offer"] else ""
    response = contact["response"] or "no answer yet"
    fate = "held out, nothing was sent" if contact["is_held_out"] else response
    return f"Contact {words.day(contact['at_ms'])}: {contact['action']}{offer} of {contact['trigger']}, {fate}."


def _not_sent(story: Story) -> list[Row]:
    rows: list[Row] = []
    for one in story.not_sent:
        if one.decision is not None:
            what = f"{one.action} of {one.trigger}"
            _, _, why = words.outcome(one.decision).partition(": ")
            rows.append((one.decision.id, words.day(one.at_ms), what, why))
    return rows


def _waiting(story: Story) -> list[Row]:
    return [(f"{one.action} of {one.trigger}", one.reason, words.day(one.until_ms)) for one in story.waiting]
