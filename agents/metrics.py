"""Every metric, declared once; the docs, dashboards and alerts are held against this list.

Habits (Prometheus, naming): base units, the unit as suffix, `_total` on counters, a timestamp rather than an age, every
known label value there from the start at 0. A value that isn't on its label's list counts as `other`: nothing from an
event can become a label. Once for each batch: `metrics.records.add(topic, outcome, count=12)`.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, product
from typing import Literal

import prometheus_client
from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from streams import journal, topics, trigger
from streams.actions import OUTCOMES

PREFIX = "bellwether_"
OTHER = "other"
Kind = Literal["counter", "gauge", "histogram"]
_LAG = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 30.0)
_DURATION = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_RECORDS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
_BYTES = (256.0, 512.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0)


class Label(Struct, frozen=True):
    """A label: its values, all of them, and where they come from (for the docs). `values` None: a version."""

    name: str
    source: str
    values: tuple[str, ...] | None


class Metric(Struct, frozen=True):
    """One metric; `name` is without prefix, `help` is a sentence for an operator, `buckets` are upper bounds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> list[str]:
        """In the order in which values are given."""
        return [label.name for label in self.labels]


def _label(name: str, *values: str) -> Label:
    return Label(name, ", ".join(values), values)


SOURCES = tuple(topic.name for topic in topics.SOURCES)


def catalogue(
    dead_letter_reasons: Iterable[str] = (), suppression_reasons: Iterable[str] = (), sources: Iterable[str] = SOURCES
) -> dict[str, Metric]:
    """Every metric by name (without prefix); reasons and source topics are known to whoever starts the worker."""
    topic = Label("topic", "each source topic", tuple(sources))
    dead = Label("reason", "why it couldn't be read", tuple(sorted(dead_letter_reasons)))
    silent = Label("reason", "why nothing was sent", tuple(sorted(suppression_reasons)))
    version, each = Label("version", "the version", None), Label("trigger", "each trigger", tuple(trigger.load()))
    cause = _label("kind", "event", "tick")
    decided = (each, _label("outcome", *OUTCOMES))
    found = (
        Metric("records_total", "counter", "Source records taken in.", (topic, _label("outcome", "journaled", "dead"))),
        Metric("dead_letters_total", "counter", "Source records that could not be read.", (topic, dead)),
        Metric("journal_entries_total", "counter", "Journal entries applied.", (_label("kind", *journal.KINDS),)),
        Metric("decisions_total", "counter", "Decisions.", decided),
        Metric("suppressions_total", "counter", "Actions that were not sent.", (silent,)),
        Metric("intake_lag_seconds", "histogram", "From a batch's oldest source record to its commit.", (), _LAG),
        Metric("decision_lag_seconds", "histogram", "From an event to the commit of its decisions.", (cause,), _LAG),
        Metric("batch_duration_seconds", "histogram", "Time for one batch, begin to adoption.", (), _DURATION),
        Metric("batch_records", "histogram", "Records in one batch.", (), _RECORDS),
        Metric("state_bytes", "histogram", "Encoded state of a customer when written.", (), _BYTES),
        Metric("transactions_total", "counter", "Kafka transactions committed."),
        Metric("last_entry_timestamp_seconds", "gauge", "When a journal entry was last applied."),
        Metric("last_tick_timestamp_seconds", "gauge", "Journal time of the last tick applied."),
        Metric("recovery_duration_seconds", "gauge", "How long the last recovery took."),
        Metric("clock_timestamp_seconds", "gauge", "The worker's clock now; a wrong one differs from Prometheus's."),
        Metric("partitions", "gauge", "Journal partitions held here."),
        Metric("customers", "gauge", "Customers whose state is held here."),
        Metric("messages_held", "gauge", "Actions that wait for a reason to pass."),
        Metric("timers_overdue", "gauge", "Due times that the last tick passed but did not fire yet."),
        Metric("views_breaker_open", "gauge", "1 while Redis counts as away; decisions go on."),
        Metric("views_behind_entries", "gauge", "Views that wait to be written to Redis."),
        Metric("runaway_partitions", "gauge", "Partitions here in which the guard holds a trigger.", (each,)),
        Metric("config_last_apply_successful", "gauge", "0 while a partition's last config version is refused."),
        Metric("config_last_apply_timestamp_seconds", "gauge", "When the config that decides was applied."),
        Metric("build_info", "gauge", "Always 1; the release that runs.", (version,)),
        Metric("config_info", "gauge", "Always 1; the config version that decides.", (version,)),
    )
    return {metric.name: metric for metric in found}


class _Series(Collector):
    """Values of one metric by label values: plain numbers of one thread, read when Prometheus asks.

    A plain dict, since the library's own objects take a lock at each call and walk all buckets at each observation.
    """

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._name = PREFIX + metric.name
        self._metric = metric
        self._known = [label.values or () for label in metric.labels]
        self._start = list(product(*self._known))
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """For the registry, which asks while we are made: the name is checked, there are no values yet."""
        yield Family(self._name, self._metric.help, self._metric.kind)

    def _closed(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Unknown values become `other`."""
        known = zip(labels, self._known, strict=True)
        return tuple(value if value in values else OTHER for value, values in known)


class Counter(_Series):
    """Counts by label values."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        super().__init__(metric, registry)
        self._counts = dict.fromkeys(self._start, 0)

    def add(self, *labels: str, count: int = 1) -> None:
        """It happened `count` times; `labels` in the order of the catalogue."""
        if labels not in self._counts:
            labels = self._closed(labels)
            self._counts.setdefault(labels, 0)
        self._counts[labels] += count

    def collect(self) -> Iterator[Family]:
        """For the registry."""
        family = CounterMetricFamily(self._name, self._metric.help, labels=self._metric.label_names)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class Histogram(_Series):
    """Distributions by label values."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        super().__init__(metric, registry)
        self._edges = metric.buckets
        self._counts = {labels: self._empty() for labels in self._start}
        self._sums = dict.fromkeys(self._start, 0.0)

    def observe(self, *labels: str, values: Iterable[float]) -> None:
        """All values of a batch at once; `labels` in the order of the catalogue."""
        if labels not in self._counts:
            labels = self._closed(labels)
            self._counts.setdefault(labels, self._empty())
            self._sums.setdefault(labels, 0.0)
        counts, edges, total = self._counts[labels], self._edges, 0.0
        for value in values:
            counts[bisect_left(edges, value)] += 1
            total += value
        self._sums[labels] += total

    def collect(self) -> Iterator[Family]:
        """For the registry."""
        family = HistogramMetricFamily(self._name, self._metric.help, labels=self._metric.label_names)
        edges = [*map(str, self._edges), "+Inf"]
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(edges, accumulate(counts), strict=True)), self._sums[labels])
        yield family

    def _empty(self) -> list[int]:
        return [0] * (len(self._edges) + 1)


class Info:
    """A gauge that is always 1 and says which version is current; which ones, while parts differ."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def show(self, *versions: str) -> None:
        """These versions are current; those before are no longer shown."""
        self._gauge.clear()
        for version in versions:
            self._gauge.labels(version).set(1)


class Metrics:
    """The worker's metrics, one attribute each, and the registry that `/metrics` shows. For one thread."""

    def __init__(
        self,
        dead_letter_reasons: Iterable[str] = (),
        suppression_reasons: Iterable[str] = (),
        sources: Iterable[str] = SOURCES,
    ) -> None:
        self.registry = CollectorRegistry()
        for collector in (prometheus_client.ProcessCollector, prometheus_client.PlatformCollector):
            collector(registry=self.registry)
        self._declared = catalogue(dead_letter_reasons, suppression_reasons, sources)
        self.records = self._counter("records_total")
        self.dead_letters = self._counter("dead_letters_total")
        self.journal_entries = self._counter("journal_entries_total")
        self.decisions = self._counter("decisions_total")
        self.suppressions = self._counter("suppressions_total")
        self.transactions = self._counter("transactions_total")
        self.intake_lag_seconds = self._histogram("intake_lag_seconds")
        self.decision_lag_seconds = self._histogram("decision_lag_seconds")
        self.batch_duration_seconds = self._histogram("batch_duration_seconds")
        self.batch_records = self._histogram("batch_records")
        self.state_bytes = self._histogram("state_bytes")
        self.last_entry_timestamp_seconds = self._gauge("last_entry_timestamp_seconds")
        self.last_tick_timestamp_seconds = self._gauge("last_tick_timestamp_seconds")
        self.recovery_duration_seconds = self._gauge("recovery_duration_seconds")
        self.clock_timestamp_seconds = self._gauge("clock_timestamp_seconds")
        self.clock_timestamp_seconds.set_function(time.time)
        self.partitions = self._gauge("partitions")
        self.customers = self._gauge("customers")
        self.messages_held = self._gauge("messages_held")
        self.timers_overdue = self._gauge("timers_overdue")
        self.views_breaker_open = self._gauge("views_breaker_open")
        self.views_behind_entries = self._gauge("views_behind_entries")
        self.runaway_partitions = self._gauge("runaway_partitions")
        self.config_last_apply_successful = self._gauge("config_last_apply_successful")
        self.config_last_apply_successful.set(1)  # nothing was refused yet
        self.config_last_apply_timestamp_seconds = self._gauge("config_last_apply_timestamp_seconds")
        self.build = Info(self._gauge("build_info"))
        self.config = Info(self._gauge("config_info"))

    def _counter(self, name: str) -> Counter:
        return Counter(self._declared[name], self.registry)

    def _histogram(self, name: str) -> Histogram:
        return Histogram(self._declared[name], self.registry)

    def _gauge(self, name: str) -> Gauge:
        declared = self._declared[name]
        return Gauge(PREFIX + name, declared.help, declared.label_names, registry=self.registry)
