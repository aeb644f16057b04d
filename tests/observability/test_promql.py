"""The reader of expressions that the tests of alerts and dashboards rely on."""

import pytest

from tests.observability.promql import Named, faults, grouped, named

RECORDED = {"trigger:sent:increase1h": {"trigger"}}


def test_metrics_are_found_with_their_labels_and_functions_are_not() -> None:
    expression = """
      sum by (topic, le) (rate(bellwether_records_total{topic="a", outcome=~"x|y"}[5m])) > 60 * vector(0)
      or label_replace(up offset 1d, "stage", "intake", "", "") and on (job) time() - trigger:sent:increase1h >= 1e3
    """
    assert sorted(named(expression)) == [
        Named("bellwether_records_total", (("topic", "=", "a"), ("outcome", "=~", "x|y"))),
        Named("trigger:sent:increase1h"),
        Named("up"),
    ]
    assert grouped(expression) == {"topic", "le", "job"}


@pytest.mark.parametrize(
    "right",
    [
        "bellwether_partitions",
        "bellwether_batch_records_bucket",
        "bellwether_batch_records_sum / bellwether_batch_records_count",
        'bellwether_decisions_total{trigger="$trigger", outcome="sent", instance="a"}',
        "max_over_time(trigger:sent:increase1h[7d:1m] offset 1h)",
        "sum by (trigger) (trigger:sent:increase1h)",
    ],
)
def test_what_is_there_is_right(right: str) -> None:
    assert faults(right, RECORDED) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("bellwether_partition", "no metric bellwether_partition"),
        ("bellwether_records", "no metric bellwether_records"),
        ("bellwether_partitions_sum", "no metric bellwether_partitions_sum"),
        ("bellwether_batch_records", "no metric bellwether_batch_records"),
        ("partitions", "no metric partitions"),
        ("node_load1", "no metric node_load1"),
        ("trigger:sent:increase2h", "no metric trigger:sent:increase2h"),
        ('bellwether_records_total{trigger="a"}', "bellwether_records_total has no label trigger"),
        ('bellwether_decisions_total{outcome="sended"}', "outcome of bellwether_decisions_total is never sended"),
        ('bellwether_decisions_total{outcome=~"sent|gone"}', "outcome of bellwether_decisions_total is never gone"),
        ("sum by (triger) (bellwether_decisions_total)", "nothing has a label triger"),
    ],
)
def test_what_is_not_there_is_named(wrong: str, fault: str) -> None:
    assert faults(wrong, RECORDED) == [fault]
