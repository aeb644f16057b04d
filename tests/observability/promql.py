"""What a PromQL expression names: metrics with their labels. That it is PromQL at all is promtool's to say."""

import re
from typing import NamedTuple

from agents.metrics import PREFIX, Metric, catalogue

CATALOGUE = catalogue()
SCRAPED = {"job", "instance"}  # added to every metric by the scrape
FOREIGN = {
    "up": SCRAPED,
    "process_start_time_seconds": SCRAPED,
    "process_cpu_seconds_total": SCRAPED,
    "process_resident_memory_bytes": SCRAPED,
    "kafka_consumergroup_lag_sum": SCRAPED | {"consumergroup", "topic"},
    "ALERTS": SCRAPED | {"alertname", "alertstate", "severity"},
}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(rf"({_NAME})\s*\{{([^}}]*)\}}")
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(rf"(?<![\w:.])({_NAME})(?!\s*\()(?![\w:])")


class Named(NamedTuple):
    """A metric as an expression names it; `matchers`: label, operator, value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...] = ()


def named(expression: str) -> list[Named]:
    """Every metric in an expression, in no particular order."""
    rest = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", expression))
    found = [Named(name, tuple(_MATCHER.findall(matchers))) for name, matchers in _SELECTOR.findall(rest)]
    bare = _STRING.sub("", _SELECTOR.sub("", rest))
    bare = re.sub(r"\boffset\s+\w+", "", bare)
    return found + [Named(name) for name in _BARE.findall(bare) if name not in WORDS]


def grouped(expression: str) -> set[str]:
    """Every label that an expression groups or joins by."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",")} - {""}


def labels_of(metric: str, recorded: dict[str, set[str]]) -> set[str] | None:
    """The labels of a metric of ours, of a foreign one that we know, or of a recording rule; None: there is no such."""
    declared = _declared(metric)
    if declared is None:
        return FOREIGN.get(metric) or recorded.get(metric)
    return SCRAPED | set(declared.label_names) | ({"le"} if metric.endswith("_bucket") else set())


def _declared(metric: str) -> Metric | None:
    """What is declared behind a name as Prometheus has it: a histogram has no series without a suffix."""
    name = metric.removeprefix(PREFIX)
    base = re.sub(r"_(?:bucket|sum|count)$", "", name)
    found = CATALOGUE.get(base) if name != metric else None
    return found if found and (found.kind == "histogram") == (base != name) else None


def faults(expression: str, recorded: dict[str, set[str]]) -> list[str]:
    """What it names that nobody shows: metrics, labels, and values that a label can't have."""
    found, known_labels = [], SCRAPED | {"le"}
    for metric, matchers in named(expression):
        labels = labels_of(metric, recorded)
        if labels is None:
            found.append(f"no metric {metric}")
            continue
        known_labels |= labels
        declared = _declared(metric)
        values = {label.name: label.values for label in declared.labels} if declared else {}
        for label, operator, value in matchers:
            if label not in labels:
                found.append(f"{metric} has no label {label}")
            allowed = values.get(label)
            if allowed and not value.startswith("$"):
                wanted = value.split("|") if operator == "=~" else [value]
                found += [f"{label} of {metric} is never {one}" for one in wanted if one not in allowed]
    return found + [f"nothing has a label {label}" for label in grouped(expression) - known_labels]
