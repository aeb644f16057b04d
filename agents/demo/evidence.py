"""What a run of the demo left behind, and what it should be."""

from collections import Counter
from collections.abc import Iterator

from agents import verify
from agents.demo.truth import Truth
from streams import topics
from streams.actions import Decision, decode_decision


class Evidence(verify.Evidence, kw_only=True):
    """Everything the report is made from.

    Attributes:
        sent: source records, the unreadable ones among them.
        seconds: from the first record sent to the last decision.
        unreadable: how many records were spoilt, by the reason each must get.
        exit_code: of the workers; None: they still run.
        restarts: workers that stopped by themselves meanwhile.
    """

    sent: int
    seconds: float
    truth: Truth
    unreadable: Counter[str]
    exit_code: int | None
    restarts: int


def decisions(evidence: Evidence) -> Iterator[tuple[int, Decision]]:
    """The live decisions with their partition, by partition and in order."""
    for place, records in sorted(evidence.live.items()):
        if place.topic == topics.DECISIONS.name:
            for record in records:
                yield place.partition, decode_decision(record.value or b"")
