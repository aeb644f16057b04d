"""What happens to a handful of customers: tested cards, transfers with two legs, answers, repeats, and poison.

Each script is in order of time; a seed picks some, mixes them, and spreads them over the source partitions.
"""

from functools import cache
from random import Random
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from agents import config_files
from agents.settings import PACKAGED_CONFIG
from agents.sources import OURS
from agents.unit_of_work import Place, Record
from streams import config, topics
from streams.journal import ConfigVersion, encode_entry

START_MS = 1_767_571_200_000
DAY_MS = 86_400_000
END_DAYS = 100
CUSTOMERS = ("ada", "bob", "cleo", "dora", "emil", "finn")
PARTITIONS = 2  # of the journal, the changelog and the outputs
MIXED_OVER = 4  # how far a record may be from its place in time
COUNTS = {"card-transactions": 3, "account-movements": 1, "profiles": 2, "verdicts": 2}  # at the beginning
GROWN = COUNTS | {"card-transactions": 6, "profiles": 3}  # once each has a record
NAMES = tuple(COUNTS)
READ = structs.replace(OURS, topics=tuple(topic for topic in OURS.topics if topic.name in NAMES))
TOPIC_OF = {topic.carries.__struct_config__.tag: topic.name for topic in topics.SOURCES if topic.carries}


class Given(NamedTuple):
    """A source record: topic, value, and its timestamp in milliseconds since the epoch."""

    topic: str
    value: bytes | None
    at_ms: int


def plan(chance: Random) -> list[tuple[Place, Record, int]]:
    """The source records of a seed in the order in which they are produced, each with its timestamp."""
    given: list[Given] = []
    for customer in chance.sample(CUSTOMERS, 3):
        given += chance.choice(_scripts(customer))
    given += chance.sample(_poison(), 3)
    given += chance.sample(given, 2)
    given.sort(key=lambda one: one.at_ms + chance.randrange(MIXED_OVER) * DAY_MS)
    places = [Place(one.topic, chance.randrange(GROWN[one.topic])) for one in given]
    return [(place, Record(b"any", one.value), one.at_ms) for place, one in zip(places, given, strict=True)]


@cache
def rules() -> bytes:
    """The config version as the journal has it: the packaged one."""
    built = config_files.load(PACKAGED_CONFIG)
    return encode_entry(ConfigVersion(built.version, config.encode(built), START_MS))


@cache
def _scripts(customer: str) -> tuple[list[Given], ...]:
    profile = _event(customer, "profile", 0, channels=["email", "phone"], consents=["email", "phone"], value_minor=90)
    tested = [_purchase(customer, 61.0, 199, "kiosk"), _purchase(customer, 61.1, 90_000, "jeweller")]
    asked = f"{customer}-card_transaction-61.1"
    saved = _moved(customer, 1, "deposit", (100_000, 3_000_000))
    wired = _moved(customer, 60, "wire_out", (-1_800_000, 1_200_000), counterparty_bank="Other Bank")
    out = _moved(customer, 60, "internal_transfer", (-1_800_000, 1_200_000), transfer="legs")
    into = _moved(customer, 60.5, "internal_transfer", (1_800_000, 1_850_000), "checking", transfer="legs")
    answers = {
        answer: _event(customer, "verdict", 61.5, transaction=asked, answer=answer) for answer in ("fraud", "genuine")
    }
    usual = [_purchase(customer, day, 4_000 + day, "grocer") for day in range(2, 50, 12)]
    return (
        [profile, *usual, *tested, answers["fraud"], tested[0]],
        [profile, *usual, *tested],
        [profile, saved, out, into, *tested],
        [profile, saved, wired, *tested, answers["genuine"]],
        [saved, into, out, *usual, profile],
    )


@cache
def _poison() -> list[Given]:
    values = (b"{", b"[1]", None, b"\xff\xfe", b'{"type":"profile","id":"p"}', b'{"type":"verdict","note":NaN}')
    return [Given("profiles", value, START_MS + 20 * number * DAY_MS) for number, value in enumerate(values)]


def _purchase(customer: str, day: float, amount_minor: int, merchant: str) -> Given:
    fields = {"card": f"{customer}-card", "amount_minor": amount_minor, "currency": "EUR", "merchant": merchant}
    return _event(customer, "card_transaction", day, **fields)


def _moved(
    customer: str, day: float, method: str, amounts: tuple[int, int], kind: str = "savings", **more: Any
) -> Given:
    """A movement; `amounts` in minor units: what moved, and the balance after it."""
    fields = {"amount_minor": amounts[0], "balance_after_minor": amounts[1], "method": method, "currency": "EUR"}
    account = {"account": f"{customer}-{kind}", "account_type": kind}
    return _event(customer, "account_movement", day, **fields, **account, **more)


def _event(customer: str, kind: str, day: float, **fields: Any) -> Given:
    at_ms = START_MS + int(day * DAY_MS)
    own = {"type": kind, "id": f"{customer}-{kind}-{day}", "customer": customer, "at_ms": at_ms}
    return Given(TOPIC_OF[kind], msgspec.json.encode(own | fields), at_ms)
