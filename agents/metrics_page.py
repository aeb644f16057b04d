"""The page of all metrics, `docs/metrics.md`: made from the catalogue."""

from agents.metrics import PREFIX, Metric, catalogue


def documentation() -> str:
    """The page `docs/metrics.md`."""
    return "\n".join((_PAGE_HEAD, *map(_row, catalogue().values()), ""))


def _row(metric: Metric) -> str:
    labels = "<br>".join(f"`{label.name}`: {label.source}" for label in metric.labels)
    return f"| `{PREFIX}{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


_PAGE_HEAD = """# Metrics

Generated from `agents/metrics.py` by `python -m agents.metrics_page`; a test compares it. The worker shows them at
`/metrics` (see `BELLWETHER_HTTP`), with the usual `process_` and `python_` ones. Records, entries and decisions are
counted when their batch is adopted, so they equal what the log has. A label value outside its list counts as `other`.
Lag is the business of kafka-exporter: `kafka_consumergroup_lag_sum`.

| metric | type | labels | meaning |
|---|---|---|---|"""

if __name__ == "__main__":
    print(documentation(), end="")  # noqa: T201 - its one purpose
