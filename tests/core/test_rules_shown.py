"""The metrics of the config tell the truth, also after a restart and while partitions differ."""

import pytest

from agents.metrics import PREFIX, Metrics
from agents.rules_shown import RulesShown
from streams import config
from streams.journal import ConfigVersion
from streams.partition import JournalRecord, Partition

GOOD = config.build({"triggers": {"card_testing": {"mode": "live"}}})
FITS = ConfigVersion(GOOD.version, config.encode(GOOD), 5_000)
STRANGE = ConfigVersion("strange", b'{"policy":{"no_such_thing":1}}', 6_000)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"{PREFIX}{name}", labels)


def restarted(*entries: ConfigVersion) -> Partition:
    """A partition as a worker finds it that was started after these."""
    partition, table = Partition({}), {}
    batch = partition.compute(JournalRecord(offset, one) for offset, one in enumerate(entries))
    table = {key: blob for key, blob in batch.changes.items() if blob is not None}
    return Partition(table)


def test_a_restarted_worker_shows_what_decides_and_since_when(metrics: Metrics) -> None:
    RulesShown(metrics).show(0, restarted(FITS))
    assert value(metrics, "config_info", version=GOOD.version) == 1
    assert value(metrics, "config_last_apply_timestamp_seconds") == 5
    assert value(metrics, "config_last_apply_successful") == 1


def test_a_refused_version_is_shown_until_one_fits_or_the_partition_is_gone(metrics: Metrics) -> None:
    shown = RulesShown(metrics)
    shown.show(0, restarted(FITS))
    shown.show(1, restarted(FITS, STRANGE))
    assert value(metrics, "config_last_apply_successful") == 0
    assert value(metrics, "config_info", version=GOOD.version) == 1, "the one before goes on deciding"
    assert value(metrics, "config_info", version="strange") is None
    shown.show(1, restarted(FITS, STRANGE, FITS))
    assert value(metrics, "config_last_apply_successful") == 1
    shown.show(1, restarted(FITS, STRANGE))
    shown.drop(1)
    assert value(metrics, "config_last_apply_successful") == 1


def test_while_partitions_differ_all_their_versions_are_shown(metrics: Metrics) -> None:
    shown, off = RulesShown(metrics), config.build({}).version
    shown.show(0, restarted(FITS))
    shown.show(1, restarted())
    assert [value(metrics, "config_info", version=one) for one in (GOOD.version, off)] == [1, 1]
    shown.show(1, restarted(FITS))
    assert [value(metrics, "config_info", version=one) for one in (GOOD.version, off)] == [1, None]
