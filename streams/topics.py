"""Every topic, once: what its key is, how many partitions, how long it is kept.

Source topics may be keyed by anything, and have any number of partitions. The journal, the outputs and the table's
changelog are keyed by customer, and the journal's partition count never changes in place: the customer's partition is
its state's partition.
"""

from typing import Literal

from msgspec import Struct

from streams import events

DAY_MS = 86_400_000
PARTITIONS = 4
APP = "bellwether"


class Topic(Struct, frozen=True):
    """One topic.

    Attributes:
        key: what the record key names.
        retention_ms: how long records are kept; -1 is for ever.
        cleanup: Kafka's `cleanup.policy`.
        carries: the event type of a source topic.
        partitions: how many it is made with; a source that is there may have any number.
    """

    name: str
    key: str
    retention_ms: int
    carries: type[events.Event] | None = None
    cleanup: Literal["delete", "compact"] = "delete"
    partitions: int = PARTITIONS


def _source(name: str, carries: type[events.Event]) -> Topic:
    return Topic(name, key="any", retention_ms=7 * DAY_MS, carries=carries)


SOURCES: tuple[Topic, ...] = (
    _source("card-transactions", events.CardTransaction),
    _source("card-statements", events.CardStatement),
    _source("account-movements", events.AccountMovement),
    _source("interactions", events.Interaction),
    _source("contracts", events.Contract),
    _source("purchases", events.Purchase),
    _source("usage", events.Usage),
    _source("notices", events.Notice),
    _source("profiles", events.Profile),
    _source("verdicts", events.Verdict),
    _source("responses", events.Response),
)
JOURNAL = Topic("customer-journal", key="customer", retention_ms=-1)
CHANGELOG = Topic(f"{APP}-customers-changelog", key="customer", retention_ms=-1, cleanup="compact")
FRAUD_CHECK_ACTIONS = Topic("fraud-check-actions", key="customer", retention_ms=30 * DAY_MS)
RETENTION_ACTIONS = Topic("retention-actions", key="customer", retention_ms=30 * DAY_MS)
DECISIONS = Topic("decisions", key="customer", retention_ms=365 * DAY_MS)
DEAD_LETTERS = Topic("dead-letters", key="as at the source", retention_ms=30 * DAY_MS)
OUTPUTS: tuple[Topic, ...] = (FRAUD_CHECK_ACTIONS, RETENTION_ACTIONS, DECISIONS, DEAD_LETTERS)
ALL: tuple[Topic, ...] = (*SOURCES, JOURNAL, CHANGELOG, *OUTPUTS)
