"""The catalogue of metrics, what it becomes, and that neither metrics nor logs can tell of a customer."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from agents import logs
from agents.metrics import PREFIX, Histogram, Metrics, catalogue
from agents.metrics_page import documentation
from streams import topics, trigger
from streams.actions import OUTCOMES

UNITS = ("_seconds", "_bytes", "_records", "_entries", "_info")
COUNTS_OF_THINGS = {
    "partitions",
    "customers",
    "messages_held",
    "timers_overdue",
    "views_breaker_open",
    "config_last_apply_successful",
    "runaway_partitions",
}
CVV = 98_765_432_101  # longer than one is, so that no timestamp holds it by chance
CARD = "4111 1111 1111 1111"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(dead_letter_reasons={"not_json"}, suppression_reasons={"no_consent"})


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(PREFIX + name, labels)


def test_names_say_kind_and_unit() -> None:
    for metric in catalogue().values():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        if metric.kind != "counter" and metric.name not in COUNTS_OF_THINGS:
            assert metric.name.endswith(UNITS), metric.name
        assert metric.help.endswith(".")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_declared_metric_is_exposed_and_nothing_else(metrics: Metrics) -> None:
    metrics.build.show("1")
    metrics.config.show("1")
    exposed = {family.name for family in metrics.registry.collect() if family.name.startswith(PREFIX)}
    assert exposed == {PREFIX + name.removesuffix("_total") for name in catalogue()}


def test_known_labels_start_at_zero(metrics: Metrics) -> None:
    for topic in topics.SOURCES:
        assert value(metrics, "records_total", topic=topic.name, outcome="dead") == 0
        assert value(metrics, "dead_letters_total", topic=topic.name, reason="not_json") == 0
    for name in trigger.load():
        assert [value(metrics, "decisions_total", trigger=name, outcome=one) for one in OUTCOMES] == [0] * len(OUTCOMES)
    assert value(metrics, "suppressions_total", reason="no_consent") == 0
    assert value(metrics, "decision_lag_seconds_count", kind="event") == 0


def test_the_promise_has_an_edge() -> None:
    assert {0.06, 0.2} <= set(catalogue()["decision_lag_seconds"].buckets)


def test_counts_add_up(metrics: Metrics) -> None:
    metrics.records.add("usage", "journaled", count=3)
    metrics.records.add("usage", "journaled")
    metrics.records.add("usage", "dead", count=2)
    assert value(metrics, "records_total", topic="usage", outcome="journaled") == 4
    assert value(metrics, "records_total", topic="usage", outcome="dead") == 2


def test_a_value_on_an_edge_counts_below_it(metrics: Metrics) -> None:
    metrics.decision_lag_seconds.observe("event", values=[0.06, 0.061, 99.0])
    metrics.decision_lag_seconds.observe("event", values=[0.001])
    counted = {edge: value(metrics, "decision_lag_seconds_bucket", kind="event", le=edge) for edge in ("0.06", "0.2")}
    assert counted == {"0.06": 2, "0.2": 3}
    assert value(metrics, "decision_lag_seconds_bucket", kind="event", le="+Inf") == 4
    assert value(metrics, "decision_lag_seconds_count", kind="event") == 4
    assert value(metrics, "decision_lag_seconds_sum", kind="event") == pytest.approx(99.122)


def test_only_the_current_version_is_shown(metrics: Metrics) -> None:
    metrics.config.show("a1")
    metrics.config.show("b2")
    assert value(metrics, "config_info", version="a1") is None
    assert value(metrics, "config_info", version="b2") == 1


def test_no_config_refused_yet_is_no_alarm(metrics: Metrics) -> None:
    assert value(metrics, "config_last_apply_successful") == 1


def test_no_label_can_hold_customer_data(metrics: Metrics) -> None:
    for metric in catalogue().values():
        for label in metric.labels:
            assert label.values is not None or (metric.name.endswith("_info") and label.name == "version")
            assert label.name in {"topic", "outcome", "reason", "kind", "trigger", "stage", "version"}
    for series in vars(metrics).values():
        if isinstance(series, Histogram):
            series.observe(*[CARD] * len(series._metric.labels), values=[1.0])
        elif hasattr(series, "add"):
            series.add(*[CARD] * len(series._metric.labels))
    values = {one for family in metrics.registry.collect() for s in family.samples for one in s.labels.values()}
    assert CARD not in values
    assert "other" in values
    assert value(metrics, "records_total", topic="other", outcome="other") == 1


def test_the_page_is_the_one_that_is_committed() -> None:
    page = Path(__file__).parents[1] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == documentation(), "run: python -m agents.metrics_page > docs/metrics.md"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Standard logging is global: as it was, afterwards."""
    found = logging.getLogger()
    handlers, level = found.handlers[:], found.level
    yield found
    found.handlers[:], found.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(params=[io.StringIO, Terminal])
def output(request: pytest.FixtureRequest, root: logging.Logger) -> io.StringIO:
    del root
    stream: io.StringIO = request.param()
    logs.set_up(stream)
    return stream


@pytest.mark.usefixtures("root")
def test_a_line_is_json_with_what_an_operator_needs() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    with structlog.contextvars.bound_contextvars(stage="decide", topic="customer-journal", partition=3):
        structlog.get_logger("agents.views").warning("views_breaker_opened", behind=7, offset=123_456_789_012)
    line = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("timestamp"))
    assert line == {
        "event": "views_breaker_opened",
        "level": "warning",
        "logger": "agents.views",
        "stage": "decide",
        "topic": "customer-journal",
        "partition": 3,
        "offset": 123_456_789_012,
        "behind": 7,
    }


def test_a_terminal_gets_words(output: io.StringIO) -> None:
    structlog.get_logger("agents").info("recovered", customers_recovered=12)
    assert "recovered" in output.getvalue()
    assert output.getvalue().startswith("{") != output.isatty()


def test_libraries_are_heard_from_warning_on_and_we_from_info_on(output: io.StringIO) -> None:
    logging.getLogger("faust.app").info("chatter")
    logging.getLogger("aiokafka").warning("heartbeat failed for %s", "group")
    structlog.get_logger("agents").debug("detail")
    structlog.get_logger("agents").info("assigned")
    assert [word in output.getvalue() for word in ("chatter", "heartbeat failed", "detail", "assigned")] == [
        False,
        True,
        False,
        True,
    ]


def test_card_numbers_and_secrets_never_leave_by_a_log_line(output: io.StringIO) -> None:
    log = structlog.get_logger("agents")
    log.warning("odd 4111 1111 1111 1111", text=CARD, number=4111111111111111, inner={"list": [CARD], "cvv": CVV})
    log.warning(
        "connected",
        password="hunter2",  # noqa: S106 - planted
        options="password=hunter2 retries=3",
    )
    logging.getLogger("aiokafka").error("bad record %s", {"card": "4111111111111111"})
    try:
        raise ValueError(f"Invalid value {CARD} password=hunter2")  # noqa: TRY301 - as a library would
    except ValueError:
        log.exception("batch_failed")
        logging.getLogger("faust").exception("agent crashed")
    text = re.sub(r"\x1b\[\d*m", "", output.getvalue())
    assert text.count("ValueError") >= 2
    for secret in (CARD, CARD.replace(" ", ""), str(CVV), "hunter2"):
        assert secret not in text


def test_record_values_and_customers_are_withheld(output: io.StringIO) -> None:
    structlog.get_logger("agents").warning(
        "odd", customer="ada-1", value=b"ada-2", raw=b"ada-3", inner={"key": "ada-4"}
    )
    logging.getLogger("faust").error("crashed: %r", (b"ada-5", b'it\'s "ada-6"'))
    assert "ada" not in output.getvalue()
    assert "[5 bytes]" in output.getvalue()


def test_variables_of_a_failed_frame_are_not_shown(output: io.StringIO) -> None:
    event = "of ada".upper()  # as a literal it would stand in the quoted source line
    try:
        raise ValueError(len(event))  # noqa: TRY301 - as a library would
    except ValueError:
        structlog.get_logger("agents").exception("batch_failed")
    assert "ValueError: 6" in output.getvalue()
    assert event not in output.getvalue()
