"""Addresses from the environment: defaults, what is accepted as it stands, and nothing else."""

from pathlib import Path

import pytest

from agents.settings import PACKAGED_CONFIG, Settings, SettingsError, load


def test_without_anything_set_all_is_on_this_machine() -> None:
    assert load({}) == load({"BELLWETHER_KAFKA": " ", "BELLWETHER_CONFIG": ""}) == Settings()
    assert Settings().config == PACKAGED_CONFIG
    assert (PACKAGED_CONFIG / "triggers.yaml").is_file()


def test_what_is_set_counts(tmp_path: Path) -> None:
    given = {
        "BELLWETHER_KAFKA": "kafka-1:9092, [::1]:19092",
        "BELLWETHER_REDIS": "rediss://user:pass-word@redis:6380/1",
        "BELLWETHER_HTTP": "0.0.0.0:0",
        "BELLWETHER_CONFIG": "rules",
        "BELLWETHER_STATE_DIRECTORY": str(tmp_path),
    }
    assert load(given) == Settings(
        kafka="kafka-1:9092,[::1]:19092",
        redis="rediss://user:pass-word@redis:6380/1",
        http="0.0.0.0:0",
        config=Path("rules"),
        state_directory=tmp_path,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BELLWETHER_KAFKA", "user:pass-word@kafka:9092"),
        ("BELLWETHER_KAFKA", "kafka:9092,"),
        ("BELLWETHER_KAFKA", "kafka:0"),
        ("BELLWETHER_HTTP", "127.0.0.1:65536"),
        ("BELLWETHER_REDIS", "http://:pass-word@redis:6379"),
        ("BELLWETHER_REDIS", "redis://"),
        ("BELLWETHER_STATE_DIRECTORY", "no-such-folder"),
        ("BELLWETHER_STATE_DIRECTORY", "/bin/sh"),
        ("BELLWETHER_REDIS", "redis://:pass-word@redis:pass-word"),
    ],
)
def test_what_can_be_no_address_is_refused_without_its_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: expected ") as refused:
        load({name: value})
    assert "pass-word" not in str(refused.value)
