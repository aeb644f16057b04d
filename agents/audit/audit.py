"""The whole verification of a cluster: what is on the log, against the same engine over the same journal.

It goes partition by partition: the state that the changelog gives, what was published, then the journal, each record
as it comes. What is held at a time is a partition's state twice, digests of its outputs, and all along an id for each
output and a byte for each source record.
"""

from collections import Counter
from collections.abc import Callable

from msgspec import Struct, field

from agents.audit.checks import checks
from agents.audit.findings import Audit
from agents.audit.log import Log, Moment, opened, settled_moment
from agents.audit.metrics import scrape
from agents.audit.partition import DECIDED, Partition
from agents.audit.privacy import Privacy, pattern
from agents.audit.tallies import Tallies
from agents.sources import OURS
from streams.sources import Sources

Progress = Callable[[int, int], object]


class Options(Struct, kw_only=True):
    """What to verify beside the log.

    Attributes:
        metrics: addresses of the running workers' metrics.
        canaries: texts that must not be anywhere.
        wait_seconds: how long the workers may take to finish what is under way.
        sources: what the workers read.
    """

    metrics: list[str] = field(default_factory=list)
    canaries: list[bytes] = field(default_factory=list)
    wait_seconds: float = 30.0
    sources: Sources = OURS


async def audit(kafka: str, options: Options, progress: Progress = lambda *_: None) -> Audit:
    """Verify a cluster. Workers may run, but should have nothing left to do.

    Raises:
        MissingTopic: a topic of ours isn't there.
        JournalError: a record of the journal is none of this release.
        ScrapeError: a worker's metrics can't be had.
        KafkaError, TimeoutError: the broker is out of reach, or went away.
    """
    async with opened(kafka, options.sources) as log:
        moment = await settled_moment(kafka, log, options.wait_seconds, lambda: scrape(options.metrics))
        tallies = Tallies(moment=moment, privacy=Privacy(pattern(options.canaries)))
        _report_progress(log, moment, progress)
        for number in moment.numbers:
            await Partition(log, tallies, number).verify()
        await _sources(log, tallies)
    return Audit(is_settled=moment.is_quiet, state_hash=tallies.states.digest.hexdigest(), checks=checks(tallies))


def _report_progress(log: Log, moment: Moment, progress: Progress) -> None:
    every, twice = moment.spans({place.topic for place in log.places}), moment.spans(DECIDED)
    total, done = sum(span.end - span.start for span in (*every.values(), *twice.values())), 0

    def on_read(offsets: int) -> None:
        nonlocal done
        done += offsets
        progress(done, total)

    log.on_read = on_read


async def _sources(log: Log, tallies: Tallies) -> None:
    """Every source record that is still there."""
    spans = tallies.moment.spans(topic.name for topic in log.sources.known)
    found = Counter(dict.fromkeys(spans, 0))
    async for place, records in log.read(spans):
        found[place] += tallies.sources.compare(tallies.moment, place, records)
    tallies.sources.close(tallies.moment, found, {topic.name for topic in log.sources.retired})
    tallies.sources.reconcile()
